"""The minutes in which an exchange trades continuously, from its hours; a bar is named by the end of its last minute."""

from collections.abc import Sequence
from datetime import date, time
from functools import cache

import numpy as np

from app.definitions.sessions import CLOSING_AUCTION, CONTINUOUS
from app.stocks import calendar
from app.stocks.arrays import Array, Ints
from app.stocks.exchanges import HOURS, SINCE

FREQUENCIES = ("1m", "5m", "15m", "30m", "60m")
LENGTHS = {name: int(name.removesuffix("m")) for name in FREQUENCIES}
_DAY = 24 * 60


def of_day(at: Array) -> Ints:
    """The minute of the day of each local instant (numpy datetimes)."""
    count: Ints = at.astype("datetime64[m]").astype(np.int64) % _DAY
    return count


@cache
def ends(exchange: str, day: date) -> Ints:
    """The last instant of each minute of that day's trading, in minutes of the day: 09:31 to 11:30, 13:01 to 15:00.

    The opening auction belongs to the first minute, the closing one to the minutes that it takes.
    """
    hours = [each for each in HOURS[exchange] if each.since <= day] or [HOURS[exchange][0]]
    phases = [phase for phase in hours[-1].phases if phase.name in (CONTINUOUS, CLOSING_AUCTION)]
    pieces = [np.arange(_minute(phase.start) + 1, _minute(phase.end) + 1) for phase in phases]
    return np.unique(np.concatenate(pieces))


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def place(exchange: str, days: Ints, minute: Ints) -> Ints:
    """Which minute of its session, from 0, each minute of the day is, on that day (as days since 1970); -1 outside the hours."""
    found = np.full(len(days), -1, dtype=np.int64)
    changes = calendar.day_numbers([SINCE[exchange], *(each.since for each in HOURS[exchange][1:])])
    period = np.maximum(np.searchsorted(changes, days, side="right") - 1, 0)
    for number, hours in enumerate(HOURS[exchange]):
        at = np.full(_DAY + 1, -1, dtype=np.int64)
        known = ends(exchange, hours.since)
        at[known] = np.arange(len(known))
        found = np.where(period == number, at[minute], found)
    return found


def frequency(minute: Ints | Sequence[int]) -> str | None:
    """The frequency of bars that end at those minutes of the day, all days together; None when none explains them."""
    known = ends("XSHG", date(2020, 1, 2))
    at = np.searchsorted(known, np.asarray(minute))
    inside = known[np.minimum(at, len(known) - 1)] == minute
    # A row outside the hours is one to be kept out; it says nothing of the others.
    steps = np.diff(np.unique(at[inside]))
    for name, length in reversed(LENGTHS.items()):
        if len(steps) and steps.min() == length and ((at[inside] + 1) % length == 0).all():
            return name
    return None
