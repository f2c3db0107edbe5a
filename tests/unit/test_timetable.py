"""A schedule's moments: each once, whatever clocks are set where, and however a window is cut."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from app.definitions.calendar import Calendar
from app.definitions.prospects import impossible
from app.definitions.sessions import Hours, Phase
from app.definitions.timetable import Timetable

# Forwards and back by an hour, by half an hour, at midnight, and never.
ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Shanghai")
zones = st.sampled_from(ZONES)
starts = st.integers(0, 700 * 24 * 60).map(lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
minutes, hours = st.integers(0, 59), st.integers(0, 23)

DAYS = [date(2026, 9, day) for day in (28, 29, 30)] + [date(2026, 10, day) for day in (8, 9, 12, 13)]
PHASES = tuple(map(Phase.of, (["auction", "09:15", "09:25"], ["continuous", "09:30", "11:30"], ["continuous", "13:00", "15:00"])))
XSHG = Calendar("XSHG", DAYS, hours=[Hours(date(1990, 12, 19), PHASES)])


def dues(document: dict[str, Any], after: datetime, until: datetime, calendar: Calendar | None = None) -> list[datetime]:
    return [candidate.due_at for candidate in Timetable(document, calendar).between(after, until)]


@settings(max_examples=25, deadline=None)
@given(zone=zones, start=starts, minute=minutes, hour=hours)
def test_a_time_of_day_comes_once_a_day_where_clocks_are_set(zone: str, start: datetime, minute: int, hour: int) -> None:
    until = start + timedelta(days=400)
    for document in ({"cron": f"{minute} {hour} * * *", "timezone": zone}, {"at": f"{hour:02}:{minute:02}", "timezone": zone}):
        found = dues(document, start, until)
        assert found == sorted(set(found))
        days = [due.astimezone(ZoneInfo(zone)).date() for due in found]
        first = days[0]
        assert days == [first + timedelta(days=number) for number in range(len(days))], document
        assert len(days) >= 399


@settings(max_examples=15, deadline=None)
@given(zone=zones, start=starts, minute=minutes)
def test_every_hour_of_the_clock_comes_while_time_passes(zone: str, start: datetime, minute: int) -> None:
    found = dues({"cron": f"{minute} * * * *", "timezone": zone}, start, start + timedelta(days=370))
    gaps = {later - earlier for earlier, later in pairwise(found)}
    assert gaps <= {timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=90), timedelta(hours=2)}
    assert len(found) == len(set(found))


@given(
    start=starts,
    cut=st.integers(0, 20 * 24 * 60),
    every=st.sampled_from(["*/7 * * * *", "0 9 * * 1-5", "30 2 * * *"]),
    zone=zones,
)
def test_a_window_that_is_cut_anywhere_holds_the_same_moments(start: datetime, cut: int, every: str, zone: str) -> None:
    document = {"cron": every, "timezone": zone}
    middle, until = start + timedelta(minutes=cut), start + timedelta(days=20)
    assert dues(document, start, middle) + dues(document, middle, until) == dues(document, start, until)


@pytest.mark.parametrize(
    "document",
    [
        {"at": "close+30m"}, {"at": "auction-5m"}, {"at": "open+20h"}, {"at": "09:00", "day": "T+1"}, {"at": "close-23h"},
        {"at": "close", "day": {"nth": -1, "of": "week"}}, {"at": "open", "day": {"nth": 2, "of": "month"}},
    ],
)  # fmt: skip
@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 30 * 24 * 60))
def test_so_does_one_that_counts_from_sessions(document: dict[str, Any], cut: int) -> None:
    start, until = datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)
    middle = start + timedelta(minutes=cut)
    whole = dues(document, start, until, XSHG)
    assert dues(document, start, middle, XSHG) + dues(document, middle, until, XSHG) == whole
    assert whole == sorted(whole)
    following = Timetable(document, XSHG).next_after(middle)
    assert following == next(iter(due for due in dues(document, middle, until + timedelta(days=60), XSHG)), None)


def test_a_leap_day_comes_every_four_years() -> None:
    found = dues({"cron": "0 9 29 2 *"}, datetime(2026, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC))
    assert [due.date() for due in found] == [date(2028, 2, 29), date(2032, 2, 29), date(2036, 2, 29)]
    assert Timetable({"cron": "0 9 29 2 *"}, None).next_after(datetime(2026, 1, 1, tzinfo=UTC)) == found[0]


def test_one_that_is_asked_of_in_a_long_holiday_can_fire_all_the_same() -> None:
    """Its first thousands of moments are all closed, this year and five years ago."""
    now = datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert impossible({"cron": "* * * * *", "calendar": "XSHG"}, XSHG, now) == ""
    assert "none of its moments is on a session of XSHG" in impossible({"cron": "* * * * 6", "calendar": "XSHG"}, XSHG, now)
    assert "no such moment" in impossible({"at": "after_hours_close", "calendar": "XSHG"}, XSHG, now)


def test_monday_to_friday_is_as_posix_has_it() -> None:
    found = dues({"cron": "0 9 * * 1-5"}, datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
    assert [f"{due:%a}" for due in found] == ["Mon", "Tue", "Wed", "Thu", "Fri"]


def test_day_of_month_and_day_of_week_are_or() -> None:
    found = dues({"cron": "0 9 1 * 5"}, datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 12, tzinfo=UTC))
    assert [due.day for due in found] == [1, 4, 11]


def test_bounds_are_days_of_its_zone_and_both_count() -> None:
    document = {"cron": "0 9 * * *", "start_date": "2026-11-17", "end_date": "2026-11-18"}
    found = dues(document, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert [due.day for due in found] == [17, 18]


@pytest.mark.parametrize(
    ("bounds", "following"),
    [
        ({"start_date": "2030-06-01"}, datetime(2030, 6, 1, tzinfo=ZoneInfo("Asia/Shanghai"))),
        ({"end_date": "2026-11-01"}, None),
        ({"start_date": "0001-01-01", "end_date": "9999-12-31"}, datetime(2026, 11, 24, 0, 1, tzinfo=UTC)),
    ],
)
def test_bounds_far_away_cost_nothing(
    bounds: dict[str, str], following: datetime | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    class Counting(CronSim):
        def __next__(self) -> datetime:
            nonlocal steps
            steps += 1
            found: datetime = super().__next__()
            return found

    monkeypatch.setattr("app.definitions.timetable.CronSim", Counting)
    assert Timetable({"cron": "* * * * *", **bounds}, None).next_after(datetime(2026, 11, 24, tzinfo=UTC)) == following
    assert steps <= 2


def test_a_session_has_no_moment_of_a_phase_that_it_lacks() -> None:
    document = {"at": "after_hours_close"}
    assert dues(document, datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 10, 13, tzinfo=UTC), XSHG) == []


def test_a_calendar_in_another_zone_decides_by_its_own_day() -> None:
    """21:00 in New York is the next morning in Shanghai."""
    document = {"cron": "0 21 * * *", "timezone": "America/New_York"}
    found = Timetable(document, XSHG).between(datetime(2026, 9, 29, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))
    assert [(candidate.decision, candidate.trade_date) for candidate in found] == [
        ("fire", date(2026, 9, 29)),
        ("fire", date(2026, 9, 30)),
        ("skip", None),
    ]
