"""By when each trade date's result is to be there, from document and calendar alone."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.definitions.calendar import Calendar
from app.definitions.deadline import parse_deadline
from app.definitions.foresight import PastDay, foresee
from app.definitions.promises import Promises
from app.definitions.sessions import Hours, Phase

DAY = tuple(Phase.of(each) for each in (["continuous", "09:30", "11:30"], ["continuous", "13:00", "15:00"]))
NIGHT = (Phase.of(["continuous", "21:00", "02:30", -1]),)
HALF = (Phase.of(["continuous", "09:30", "11:30"]),)
SESSIONS = [date(2026, 9, 28), date(2026, 9, 29), date(2026, 9, 30), date(2026, 10, 8), date(2026, 10, 9)]


@pytest.fixture
def calendar() -> Calendar:
    """Around the National Day holiday; a half day before it, two sessions on October 9th."""
    special = {date(2026, 9, 30): [HALF], date(2026, 10, 9): [NIGHT, DAY]}
    return Calendar("XSHG", SESSIONS, known_until=date(2026, 10, 9), hours=[Hours(date(1990, 1, 1), DAY)], special=special)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moments(calendar: Calendar, **document: str) -> list[tuple[str, str, bool]]:
    found = Promises(document, calendar).between(at("2026-09-27 00:00"), at("2026-10-13 00:00"))
    return [(f"{each.trade_date:%m-%d}", f"{each.due_at:%m-%d %H:%M}", each.known) for each in found]


def test_every_session_is_due_once_also_on_half_days_and_on_days_of_several_sessions(calendar: Calendar) -> None:
    assert moments(calendar, at="close+5h") == [
        ("09-28", "09-28 12:00", True),
        ("09-29", "09-29 12:00", True),
        ("09-30", "09-30 08:30", True),
        ("10-08", "10-08 12:00", True),
        ("10-09", "10-09 12:00", True),
        ("10-12", "10-12 12:00", False),
    ]


def test_the_next_session_lies_behind_the_holiday_or_is_not_known(calendar: Calendar) -> None:
    assert moments(calendar, at="08:30", day="T+1") == [
        ("09-28", "09-29 00:30", True),
        ("09-29", "09-30 00:30", True),
        ("09-30", "10-08 00:30", True),
        ("10-08", "10-09 00:30", True),
        ("10-09", "10-12 00:30", False),
    ]


def test_the_zone_is_the_deadlines_own(calendar: Calendar) -> None:
    assert moments(calendar, at="07:00", timezone="America/New_York")[0] == ("09-28", "09-28 11:00", True)


def test_a_day_that_lacks_what_it_counts_from_promises_nothing(calendar: Calendar) -> None:
    assert "09-30" not in [day for day, _, _ in moments(calendar, at="lunch+1h")]


def test_looking_piece_by_piece_finds_what_looking_at_once_finds(calendar: Calendar) -> None:
    promises = Promises({"at": "20:00", "day": "T+1"}, calendar)
    begin, step = at("2026-09-20 00:00"), timedelta(hours=7)
    pieces = [found for number in range(100) for found in promises.between(begin + number * step, begin + (number + 1) * step)]
    assert pieces == promises.between(begin, begin + 100 * step)
    after = promises.next_after(pieces[0].due_at)
    assert after == pieces[1]


def test_a_good_deadline_is_its_own_canonical_form() -> None:
    document = {"name": "d", "job": "j", "at": "20:00", "calendar": "XSHG", "dataset": "scores", "day": "T+1"}
    assert parse_deadline({**document, "timezone": "Asia/Shanghai"}).document == document


CLOSE, DUE = at("2026-09-28 07:00"), at("2026-09-28 12:00")
PAST = [PastDay(timedelta(hours=hours), timedelta(minutes=minutes)) for hours, minutes in ((2, 20), (3, 30), (4, 40))]


@pytest.mark.parametrize(
    ("now", "started", "expected", "late"),
    [
        ("2026-09-28 07:00", None, "2026-09-28 10:00", False),
        ("2026-09-28 11:20", None, "2026-09-28 11:50", False),
        ("2026-09-28 11:31", None, "2026-09-28 12:01", True),
        ("2026-09-28 11:31", "2026-09-28 11:20", "2026-09-28 11:50", False),
        ("2026-09-28 11:56", "2026-09-28 11:25", "2026-09-28 12:05", True),
        ("2026-09-28 13:00", "2026-09-28 11:20", "2026-09-28 13:00", True),
    ],
)
def test_what_comparable_days_say(now: str, started: str | None, expected: str, late: bool) -> None:
    found = foresee(PAST, CLOSE, DUE, at(now), at(started) if started else None)
    assert found is not None
    assert (found.at, found.late) == (at(expected), late)


def test_a_few_days_say_nothing() -> None:
    assert foresee(PAST[:2], CLOSE, DUE, CLOSE) is None


@pytest.mark.data
def test_the_exchanges_own_days(market_data: Path) -> None:
    """Of each session of 2026 one promise, by the table that the exchange's calendar is checked against."""
    lines = (market_data / "trading_calendar_xshg_1990_2026.csv").read_text().split()
    days = [date.fromisoformat(line.split(",")[0]) for line in lines if line.startswith("2026-")]
    promises = Promises({"at": "20:00"}, Calendar("XSHG", days, known_until=date(2026, 12, 31)))
    found = promises.between(at("2026-01-01 00:00"), at("2026-12-31 23:59"))
    assert [each.trade_date for each in found] == days
