"""Golden previews of every kind of schedule, around a long holiday and across the horizon of the calendar."""

import csv
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.definitions.calendar import Calendar
from app.definitions.sessions import Hours, Phase
from app.definitions.timetable import Timetable

GOLDEN = Path(__file__).with_name("previews.txt")
SHANGHAI = ZoneInfo("Asia/Shanghai")
WINDOWS = (("2026-09-25", "2026-10-13"), ("2026-12-20", "2027-01-11"))
ON_XSHG = {"calendar": "XSHG"}
KINDS = {
    "09:00 Monday to Friday, trading days only, for the day before": {"cron": "0 9 * * 1-5", "trade_date": "previous", **ON_XSHG},
    "30 minutes after every close": {"at": "close+30m", **ON_XSHG},
    "5 minutes before every call auction": {"at": "auction-5m", **ON_XSHG},
    "at every end of after-hours trading": {"at": "after_hours_close", **ON_XSHG},
    "at 02:00 of the session after each": {"at": "02:00", "day": "T+1", **ON_XSHG},
    "at the close of the last session of each week": {"at": "close", "day": {"nth": -1, "of": "week"}, **ON_XSHG},
    "at the open of the first session of each month": {"at": "open", "day": {"nth": 1, "of": "month"}, **ON_XSHG},
    "at the close of the last session of each month": {"at": "close", "day": {"nth": -1, "of": "month"}, **ON_XSHG},
    "Saturdays at 10:00, whatever the exchange does": {"cron": "0 10 * * 6"},
    "past the horizon on weekdays, with an alarm": {"at": "close", "on_unknown": "weekdays_with_alarm", **ON_XSHG},
}
REGULAR = [["auction", "09:15", "09:25"], ["continuous", "09:30", "11:30"], ["continuous", "13:00", "15:00"]]
LATER = [*REGULAR, ["after_hours", "15:05", "15:30"]]


def _hours(since: str, phases: list[list[str]]) -> Hours:
    return Hours(date.fromisoformat(since), tuple(map(Phase.of, phases)))


@pytest.fixture(scope="module")
def sessions(market_data: Path) -> list[date]:
    """The exchange's own days."""
    with (market_data / "trading_calendar_xshg_1990_2026.csv").open() as file:
        return [date.fromisoformat(row["date"]) for row in csv.DictReader(file)]


def _previews(sessions: list[date]) -> str:
    hours = [_hours("1990-12-19", REGULAR), _hours("2026-07-06", LATER)]
    calendar = Calendar("XSHG", sessions, known_until=date(2026, 12, 31), hours=hours)
    lines = []
    for title, document in KINDS.items():
        for window in WINDOWS:
            begin, end = (datetime.fromisoformat(day).replace(tzinfo=SHANGHAI) for day in window)
            lines.append(f"{title}, {window[0]} to {window[1]}")
            for found in Timetable(document, calendar if "calendar" in document else None).between(begin, end):
                due = found.due_at.astimezone(SHANGHAI)
                why = f"{found.reason}: {found.detail}" if found.reason else ""
                lines.append(f"    {due:%a %Y-%m-%d %H:%M}  {found.decision}  {found.trade_date or '-'!s:<10}  {why}".rstrip())
    return "\n".join(lines) + "\n"


@pytest.mark.data
def test_every_kind_of_schedule_previews_as_it_was_read(sessions: list[date]) -> None:
    assert _previews(sessions) == GOLDEN.read_text()


@pytest.mark.data
def test_the_golden_lines_agree_with_the_exchanges_days(sessions: list[date]) -> None:
    """Line by line, by nothing but the list of days."""
    days, fired, skipped = set(sessions), 0, 0
    for line in GOLDEN.read_text().splitlines():
        if not line.startswith("    ") or "Sat " in line:
            continue
        _, day, _, decision, trade_date, *why = line.split()
        known = date.fromisoformat(day) <= date(2026, 12, 31)
        if decision == "fire" and not why:
            assert date.fromisoformat(day) in days
            assert trade_date in (day, str(max(one for one in days if str(one) < day)))
            fired += 1
        elif decision == "skip":
            assert known
            assert date.fromisoformat(day) not in days
            skipped += 1
        else:
            assert why[0] == "unknown_day:"
            assert not known or "2027-01-01 is not known" in line
    assert (fired, skipped) == (96, 30)
