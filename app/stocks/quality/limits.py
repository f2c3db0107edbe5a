"""Price limits as rules with effective dates: how far a price may move from the reference price of its day.

Where a rule says (reported), the exchange's own notice was not seen.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from app.stocks import calendar
from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.instruments import BOARDS


@dataclass(frozen=True)
class Rule:
    """From `since` on, prices on the board move at most so many percent from the reference price; 0: as far as they like.

    `st`: only names under special treatment. `sessions`: only the first so many of a name that was listed since then.
    """

    board: str
    since: date
    percent: int
    source: str
    st: bool = False
    sessions: int = 0


BEGIN = date(1996, 12, 16)
_REGISTRATION = "registration for all boards: trading rules of SSE and SZSE, 2023 edition"
_CHINEXT = "SZSE, special rules for trading on ChiNext, 2020"
_STAR = "SSE, special rules for trading on STAR, 2019"
_BJSE = "BSE, trading rules, 2021"
RULES = (
    Rule("main", BEGIN, 10, "both exchanges' notice of December 1996"),
    Rule("main", date(1998, 4, 22), 5, "both exchanges' listing rules of 1998 on special treatment", st=True),
    Rule("main", date(2026, 7, 6), 10, "both exchanges' trading rules of 2026 (reported)", st=True),
    Rule("chinext", BEGIN, 10, "SZSE, trading rules"),
    Rule("chinext", date(2020, 8, 24), 20, _CHINEXT),
    Rule("star", date(2019, 7, 22), 20, _STAR),
    Rule("bjse", date(2021, 11, 15), 30, _BJSE),
    # The 44 % of a first day from 2014 to 2023 counts as free here: a plausibility check needs no second kind of limit.
    Rule("main", BEGIN, 0, "both exchanges' trading rules; 44 % from 2014 on, which is not judged", sessions=1),
    Rule("main", date(2023, 4, 10), 0, _REGISTRATION, sessions=5),
    Rule("chinext", BEGIN, 0, "SZSE, trading rules; 44 % from 2014 on, which is not judged", sessions=1),
    Rule("chinext", date(2020, 8, 24), 0, _CHINEXT, sessions=5),
    Rule("star", date(2019, 7, 22), 0, _STAR, sessions=5),
    Rule("bjse", date(2021, 11, 15), 0, _BJSE, sessions=1),
)
"""In this order: of those that apply the last one holds. Unknown, and so not among them: the first day of a delisting period and
of relisting, which are free too."""


def percent(board: Ints, days: Ints, is_st: Flags) -> Ints:
    """The limit in percent for each (board's place in BOARDS, day, special treatment); 0 where there was none yet."""
    found = np.zeros(np.broadcast_shapes(board.shape, days.shape, is_st.shape), dtype=np.int64)
    for rule in RULES:
        if rule.sessions:
            continue
        applies = (board == BOARDS.index(rule.board)) & (days >= calendar.day_numbers([rule.since])[0])
        found = np.where(applies & is_st if rule.st else applies, rule.percent, found)
        # A later general rule must not undo the rule for special treatment: RULES lists them in that order.
    return found


def free_sessions(board: Ints, listed: Ints) -> Ints:
    """How many sessions from its listing on a name trades without the ordinary limit."""
    found = np.zeros(np.broadcast_shapes(board.shape, listed.shape), dtype=np.int64)
    for rule in RULES:
        if rule.sessions:
            begun = listed >= calendar.day_numbers([rule.since])[0]
            found = np.where((board == BOARDS.index(rule.board)) & begun, rule.sessions, found)
    return found


def prices(prev_close: Floats, rate: Ints) -> tuple[Floats, Floats]:
    """The lowest and the highest price allowed: previous close x (1 -+ rate), rounded half up to the fen, exactly."""
    known = np.isfinite(prev_close)
    fen = np.rint(np.where(known, prev_close, 0) * 100).astype(np.int64)
    low, high = ((fen * (100 + sign * rate) + 50) // 100 / 100 for sign in (-1, 1))
    return np.where(known, low, np.nan), np.where(known, high, np.nan)
