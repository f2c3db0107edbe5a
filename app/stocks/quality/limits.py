"""Price limits as rules with effective dates: how far a price may move from the reference price of its day.

From public reports of the exchanges' rules: main board 10 %, under special treatment 5 % until 2026-07-03; ChiNext 10 %, from
2020-08-24 20 %; STAR 20 %; BJSE 30 %. No limit before 1996-12-16, and for some sessions after a listing.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from app.stocks import calendar
from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.instruments import BOARDS


@dataclass(frozen=True)
class Rate:
    """From a day on a board's prices move at most so many percent; `st`: only names under special treatment."""

    board: str
    since: date
    percent: int
    st: bool = False


@dataclass(frozen=True)
class FreeStart:
    """From a day on a new listing on the board trades that many sessions without the ordinary limit."""

    board: str
    since: date
    sessions: int


_LIMITS_BEGIN = date(1996, 12, 16)
RATES = (
    Rate("main", _LIMITS_BEGIN, 10),
    Rate("main", date(1998, 4, 22), 5, st=True),
    Rate("main", date(2026, 7, 6), 10, st=True),
    Rate("chinext", _LIMITS_BEGIN, 10),
    Rate("chinext", date(2020, 8, 24), 20),
    Rate("star", _LIMITS_BEGIN, 20),
    Rate("bjse", _LIMITS_BEGIN, 30),
)
# The 44 % of a first day from 2014 to 2023 counts as free here: a plausibility check needs no second kind of limit.
FREE_STARTS = (
    FreeStart("main", _LIMITS_BEGIN, 1),
    FreeStart("main", date(2023, 4, 10), 5),
    FreeStart("chinext", _LIMITS_BEGIN, 1),
    FreeStart("chinext", date(2020, 8, 24), 5),
    FreeStart("star", _LIMITS_BEGIN, 5),
    FreeStart("bjse", _LIMITS_BEGIN, 1),
)


def percent(board: Ints, days: Ints, is_st: Flags) -> Ints:
    """The limit in percent for each (board's place in BOARDS, day, special treatment); 0 where there was none yet."""
    found = np.zeros(np.broadcast_shapes(board.shape, days.shape, is_st.shape), dtype=np.int64)
    for rule in RATES:
        applies = (board == BOARDS.index(rule.board)) & (days >= calendar.day_numbers([rule.since])[0])
        found = np.where(applies & is_st if rule.st else applies, rule.percent, found)
        # A later general rule must not undo the rule for special treatment: RATES lists them in that order.
    return found


def free_sessions(board: Ints, listed: Ints) -> Ints:
    """How many sessions from its listing on a name trades without the ordinary limit."""
    found = np.zeros(np.broadcast_shapes(board.shape, listed.shape), dtype=np.int64)
    for rule in FREE_STARTS:
        found = np.where(
            (board == BOARDS.index(rule.board)) & (listed >= calendar.day_numbers([rule.since])[0]), rule.sessions, found
        )
    return found


def prices(prev_close: Floats, rate: Ints) -> tuple[Floats, Floats]:
    """The lowest and the highest price allowed: previous close x (1 -+ rate), rounded half up to the fen, exactly."""
    known = np.isfinite(prev_close)
    fen = np.rint(np.where(known, prev_close, 0) * 100).astype(np.int64)
    low, high = ((fen * (100 + sign * rate) + 50) // 100 / 100 for sign in (-1, 1))
    return np.where(known, low, np.nan), np.where(known, high, np.nan)
