"""What a date's sessions are, in instants: several a date, half days, nights that begin before, clocks that are set."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.definitions.calendar import Calendar
from app.definitions.sessions import Hours, Phase
from app.definitions.timetable import Timetable

DAY = [["auction", "08:45", "09:00"], ["continuous", "09:00", "11:30"], ["continuous", "13:30", "15:00"]]
NIGHT = [["continuous", "21:00", "02:30", -1]]
HALF = [["continuous", "09:00", "11:30"]]
# Chicago's clocks go back on Sunday, 2026-11-01, and forward on Sunday, 2026-03-08.
SESSIONS = [date(2026, 3, day) for day in (5, 6, 9, 10)] + [date(2026, 10, 30), date(2026, 11, 2), date(2026, 11, 25)]


def phases(said: list[list[Any]]) -> tuple[Phase, ...]:
    return tuple(map(Phase.of, said))


@pytest.fixture
def exchange() -> Calendar:
    """Two sessions a date since March 9th, one before; a half day; a Monday whose night session begins on Friday."""
    since = date(2026, 3, 9)
    return Calendar(
        "XDEMO",
        SESSIONS,
        timezone="America/Chicago",
        known_until=date(2026, 12, 31),
        hours=[Hours(since, phases(NIGHT)), Hours(date(2026, 1, 1), phases(DAY)), Hours(since, phases(DAY))],
        special={
            date(2026, 11, 25): [phases(HALF)],
            date(2026, 11, 2): [phases([["continuous", "21:00", "02:30", -3]]), phases(DAY)],
        },
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_hours_of_one_date_are_a_session_each(exchange: Calendar) -> None:
    (only,) = exchange.sessions_on(date(2026, 3, 6))
    assert (only.number, only.anchor("open"), only.anchor("close")) == (1, at("2026-03-06 15:00"), at("2026-03-06 21:00"))
    night, day = exchange.sessions_on(date(2026, 3, 10))
    assert (night.number, night.anchor("open"), night.anchor("close")) == (1, at("2026-03-10 02:00"), at("2026-03-10 07:30"))
    assert night.anchor("lunch") is None
    assert (day.number, day.anchor("auction"), day.anchor("lunch")) == (2, at("2026-03-10 13:45"), at("2026-03-10 16:30"))


def test_a_half_day_closes_early_and_has_no_lunch(exchange: Calendar) -> None:
    (half,) = exchange.sessions_on(date(2026, 11, 25))
    assert (half.anchor("close"), half.anchor("lunch"), half.anchor("auction")) == (at("2026-11-25 17:30"), None, None)


def test_an_offset_is_time_that_passes_whatever_the_clocks_do(exchange: Calendar) -> None:
    # Monday's night session begins on Sunday evening, hours after the clocks went forward.
    night, _ = exchange.sessions_on(date(2026, 3, 9))
    assert night.anchor("open") == at("2026-03-09 02:00")
    # This one begins on Friday, before they go back on Sunday.
    night, day = exchange.sessions_on(date(2026, 11, 2))
    assert (night.anchor("open"), day.anchor("open")) == (at("2026-10-31 02:00"), at("2026-11-02 15:00"))
    opening = night.anchor("open")
    assert opening is not None
    assert opening + timedelta(days=2) == at("2026-11-02 02:00")


def test_through_the_hour_that_comes_twice_or_never() -> None:
    late = [Hours(date(2026, 1, 1), phases([["continuous", "00:30", "03:30"]]))]
    days = [date(2026, 3, 8), date(2026, 11, 1), date(2026, 11, 2)]
    calendar = Calendar("XDEMO", days, timezone="America/Chicago", hours=late)
    lengths = [span.end - span.start for day in days for session in calendar.sessions_on(day) for span in session.spans]
    assert lengths == [timedelta(hours=2), timedelta(hours=4), timedelta(hours=3)]


def test_closed_days_have_none_and_days_without_hours_have_no_instants(exchange: Calendar) -> None:
    assert exchange.sessions_on(date(2026, 3, 7)) == ()
    (bare,) = Calendar("XDEMO", SESSIONS).sessions_on(SESSIONS[0])
    assert [bare.anchor(name) for name in ("auction", "open", "lunch", "close", "after_hours_close")] == [None] * 5


def json_forms() -> Iterator[list[Any]]:
    yield from DAY + NIGHT + HALF


def test_a_phase_is_what_its_json_says() -> None:
    assert [Phase.of(said).plain() for said in json_forms()] == list(json_forms())
    hours = {"since": "2026-07-06", "phases": DAY}
    assert Hours.of(hours).plain() == hours


def test_an_alarm_from_thirty_sessions_before_the_horizon() -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(40)]
    calendar = Calendar("XDEMO", days)
    assert [calendar.left(days[place]) for place in (0, 8, 9, 39)] == [39, 31, 30, 0]
    assert [calendar.alarm(days[place]) is None for place in (0, 8, 9, 39)] == [True, True, False, False]
    said = calendar.alarm(days[9])
    assert said is not None
    assert "30 sessions are left" in said
    assert calendar.left(date(2025, 1, 1)) == 40
    assert calendar.alarm(date(2030, 1, 1)) is not None


def test_what_counts_from_a_night_that_began_on_friday_is_found() -> None:
    monday, thursday = date(2026, 11, 2), at("2026-10-29 13:00")
    night = {monday: [phases([["continuous", "21:00", "02:30", -3]])]}
    futures = Calendar("XSGE", [*SESSIONS, date(2026, 11, 20)], special=night, hours=[Hours(date(2026, 1, 1), phases(DAY))])
    timetable = Timetable({"at": "open-24h", "calendar": "XSGE"}, futures)
    assert [each.day for each in timetable.between(thursday - timedelta(minutes=1), thursday)] == [monday]
