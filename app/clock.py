"""The only clock: UTC now, and the market's date. A clock file shifts every process of a test together."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
_CLOCK_FILE = "OPENBELL_CLOCK_FILE"


def offset() -> timedelta:
    """How far this process's clock is moved: the seconds written in OPENBELL_CLOCK_FILE, zero without one."""
    name = os.environ.get(_CLOCK_FILE)
    if not name:
        return timedelta(0)
    try:
        return timedelta(seconds=float(Path(name).read_text().strip() or 0))
    except FileNotFoundError:
        return timedelta(0)


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC) + offset()


def market_date(at: datetime | None = None) -> date:
    """The calendar day in Shanghai at that instant."""
    return (at or now()).astimezone(SHANGHAI).date()


def iso(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds and a Z, as the API writes instants."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    """The instant that `iso` wrote."""
    return datetime.fromisoformat(text)
