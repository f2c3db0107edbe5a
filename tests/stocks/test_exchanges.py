"""What the service is told of the three exchanges: their days, their hours through history, and who says so."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.definitions.calendar import Calendar
from app.definitions.sessions import Hours
from app.settings import Settings
from app.stocks.exchanges import above, calendar_sessions, differences, library, said
from app.stocks.sources import TellsTradingDates, TradingDates, Unavailable

CONTEXT = SimpleNamespace(settings=Settings(), now=lambda: datetime(2026, 11, 24, 3, tzinfo=UTC))


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return calendar_sessions(CONTEXT)


def whole(answer: dict[str, Any], name: str) -> Calendar:
    entry = answer[name]
    return Calendar(
        name,
        map(date.fromisoformat, entry["sessions"]),
        known_until=date.fromisoformat(entry["horizon"]),
        timezone=entry["timezone"],
        hours=map(Hours.of, entry["hours"]),
    )


@pytest.mark.data
@pytest.mark.parametrize("name", ["XSHG", "XSHE"])
def test_the_calendar_equals_the_shared_one_on_every_day(answer: dict[str, Any], market_data: Path, name: str) -> None:
    expected = {date.fromisoformat(day) for day in (market_data / "trading_calendar_xshg_1990_2026.csv").read_text().split()[1:]}
    calendar, first = whole(answer, name), date(1990, 12, 19)
    days = [first + timedelta(days=number) for number in range((date(2026, 12, 31) - first).days + 1)]
    assert [day for day in days if calendar.is_session(day) != (day in expected)] == []
    assert (calendar.known_from, calendar.known_until) == (days[0], days[-1])
    assert answer[name]["source"].startswith("exchange_calendars ")


def test_each_exchange_ends_at_its_horizon_and_beijing_begins_when_it_opened(answer: dict[str, Any]) -> None:
    assert set(answer) == {"XSHG", "XSHE", "BJSE"}
    assert {entry["horizon"] for entry in answer.values()} == {"2026-12-31"}
    assert answer["BJSE"]["sessions"][0] == "2021-11-15"
    assert set(answer["BJSE"]["sessions"]) < set(answer["XSHG"]["sessions"])


@pytest.mark.parametrize(
    ("name", "day", "phases"),
    [
        ("XSHG", "2018-08-17", "09:15-09:25 09:30-11:30 13:00-15:00"),
        ("XSHG", "2018-08-20", "09:15-09:25 09:30-11:30 13:00-14:57 14:57-15:00"),
        ("XSHG", "2026-07-03", "09:15-09:25 09:30-11:30 13:00-14:57 14:57-15:00"),
        ("XSHG", "2026-07-06", "09:15-09:25 09:30-11:30 13:00-14:57 14:57-15:00 15:05-15:30"),
        ("XSHE", "2006-06-30", "09:15-09:25 09:30-11:30 13:00-15:00"),
        ("XSHE", "2006-07-03", "09:15-09:25 09:30-11:30 13:00-14:57 14:57-15:00"),
        ("XSHE", "2026-07-06", "09:15-09:25 09:30-11:30 13:00-14:57 14:57-15:00 15:05-15:30"),
        ("BJSE", "2026-07-06", "09:15-09:25 09:30-11:30 13:00-14:57 14:57-15:00"),
    ],
)
def test_hours_through_history(answer: dict[str, Any], name: str, day: str, phases: str) -> None:
    (session,) = whole(answer, name).sessions_on(date.fromisoformat(day))
    shanghai = ZoneInfo("Asia/Shanghai")
    found = [(span.start.astimezone(shanghai), span.end.astimezone(shanghai)) for span in session.spans]
    assert " ".join(f"{start:%H:%M}-{end:%H:%M}" for start, end in found) == phases
    closes = session.anchor("close")
    assert closes is not None
    assert closes.astimezone(UTC).time() == datetime(2026, 1, 1, 7, tzinfo=UTC).time()
    assert (session.anchor("after_hours_close") is None) == ("15:30" not in phases)


def days(*texts: str) -> tuple[date, ...]:
    return tuple(map(date.fromisoformat, texts))


LIBRARY = TradingDates(days("2026-12-29", "2026-12-30", "2026-12-31"), date(2026, 12, 1), date(2026, 12, 31))


@dataclass
class Vendor:
    """A source that knows trading dates."""

    known: TradingDates | Unavailable
    name: str = "vendor"

    def trading_dates(self, exchange: str) -> TradingDates | Unavailable:
        return self.known


def test_a_vendor_s_trading_dates_come_first_and_its_horizon_counts() -> None:
    known = TradingDates(days("2026-12-30", "2026-12-31", "2027-01-04"), date(2026, 12, 29), date(2027, 1, 31))
    found = said("XSHG", Vendor(known), *library())
    assert found["sessions"][-4:] == ["2026-12-28", "2026-12-30", "2026-12-31", "2027-01-04"]
    assert found["horizon"] == "2027-01-31"
    assert found["source"].startswith("vendor, exchange_calendars ")
    ((day, words),) = [(each["date"], each["said"]) for each in found["disagreements"]]
    assert (day, words["vendor"], sorted(words.values())) == ("2026-12-29", False, [False, True])


@pytest.mark.parametrize("source", [Vendor(Unavailable("quota", "no bytes left")), Unavailable("unsupported", "none"), object()])
def test_a_source_that_cannot_tell_leaves_it_to_the_library(source: object) -> None:
    found = said("XSHG", source, *library())
    assert (found["sessions"][-1], found["horizon"], found["disagreements"]) == ("2026-12-31", "2026-12-31", [])
    assert found["source"].startswith("exchange_calendars ")


def test_only_such_a_source_is_asked() -> None:
    assert isinstance(Vendor(LIBRARY), TellsTradingDates)
    assert not isinstance(object(), TellsTradingDates)


def test_two_that_do_not_meet_leave_no_unknown_days_between_them() -> None:
    later = TradingDates(days("2027-02-01"), date(2027, 1, 15), date(2027, 2, 28))
    assert above(later, LIBRARY) == LIBRARY
    assert differences(later, "a", LIBRARY, "b") == []
    next_day = TradingDates(days("2027-01-04"), date(2027, 1, 1), date(2027, 1, 31))
    assert above(next_day, LIBRARY).known_until == date(2027, 1, 31)
