"""Arithmetic on lists of sessions.

Ops ask `context.sessions("XSHG")`, never a library: sessions are rows with a horizon, and past it nothing is guessed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np

from app.clock import SHANGHAI
from app.stocks.arrays import Ints

CLOSE = time(15, 0)
EPOCH = date(1970, 1, 1).toordinal()


def last_closed(sessions: Sequence[date], now: datetime, at: time = CLOSE) -> date | None:
    """The newest session that is over at that instant: whose `at`, Asia/Shanghai, has come. None before the first."""
    local = now.astimezone(SHANGHAI)
    place = bisect_right(sessions, local.date())
    if place and sessions[place - 1] == local.date() and local.time() < at:
        place -= 1
    return sessions[place - 1] if place else None


def between(sessions: Sequence[date], start: date, end: date) -> list[date]:
    """The sessions from start to end, both included."""
    return list(sessions[bisect_left(sessions, start) : bisect_right(sessions, end)])


def next_session(sessions: Sequence[date], day: date) -> date | None:
    """The first session on or after the day; None past the last known one."""
    place = bisect_left(sessions, day)
    return sessions[place] if place < len(sessions) else None


def back(sessions: Sequence[date], end: date, count: int) -> date:
    """The first of the `count` sessions that end with the last one up to `end`; the first known one when there are fewer."""
    place = bisect_right(sessions, end)
    return sessions[max(place - count, 0)]


def day_numbers(days: Sequence[date]) -> Ints:
    """Days since 1970-01-01, as Arrow's date32 counts."""
    # numpy's own conversion of dates takes ten times as long.
    return np.fromiter((day.toordinal() for day in days), dtype=np.int64, count=len(days)) - EPOCH


def day_of(number: int) -> date:
    """The day of that number."""
    return date.fromordinal(int(number) + EPOCH)
