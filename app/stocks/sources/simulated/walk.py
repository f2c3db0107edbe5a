"""Prices of the simulated market: a walk of whole numbers that passes through one fixed point, so every range agrees.

A price is a log walk anchored at a fixed session, folded into a band (it never vanishes and never explodes), divided by the
factor of all ex-rights and rounded to the fen. Steps stay far enough inside the price limits that rounding cannot break them.
"""

from dataclasses import dataclass

import numpy as np

from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.instruments import BOARDS
from app.stocks.quality import limits
from app.stocks.sources.simulated import events, hashing
from app.stocks.sources.simulated.universe import Universe

_BAND = 4_600_000
LOWEST = 4.0
_MARKET_SIGMA = 8_000
_BELL_SIGMA = 37_837
_ORDINARY, _STRONG = 0.85, 0.96
"""How much of the limit an ordinary step may use, and how much a day takes that ends at the limit."""
_MARKET = np.array([2**40], dtype=np.int64)
"""The market's own number among the names."""


@dataclass(frozen=True)
class Walk:
    """Names x sessions, from one session before the first wanted one where there is one."""

    days: Ints
    step: Ints
    """The day's log step, in millionths."""
    close: Floats
    """Closing price, CNY, raw; carried along while suspended."""
    prev_close: Floats
    adjusted: Floats
    """The price before ex-rights, whose logarithm is the walk."""
    percent: Ints
    suspensions: events.Suspensions
    factors: events.Factors
    is_st: Flags


def walk(universe: Universe, days: Ints, anchor: int, first: int, last: int) -> Walk:
    """The market from session `first` to `last` (places in `days`, all known sessions); `anchor` is the fixed one."""
    # Two blocks back lies a day on which every name traded, whose close a suspended name carries.
    early = max(first - 2 * events.SUSPENSION_BLOCK, 0)
    low, high = min(early, anchor), max(last, anchor)
    span = days[low : high + 1]
    is_st = events.special_treatment(universe, span)
    board = np.array([BOARDS.index(one) for one in universe.boards])[:, None]
    percent = limits.percent(board, span, is_st)
    resting = events.suspensions(universe, span, np.arange(low, high + 1) - anchor)
    step, strong = _steps(universe, span, percent, is_st & (board == 0))
    step[resting.on] = 0
    total = np.cumsum(step, axis=1)
    height = total - total[:, anchor - low][:, None] + universe.level[:, None]
    cut = slice(early - low, last - low + 1)
    span, percent, is_st, strong, height = span[cut], percent[:, cut], is_st[:, cut], strong[:, cut], height[:, cut]
    resting = events.Suspensions(resting.on[:, cut], resting.unwritten[:, cut])
    folded = np.mod(height, 2 * _BAND)
    folded = np.where(folded > _BAND, 2 * _BAND - folded, folded)
    adjusted = LOWEST * np.exp(folded * 1e-6)
    factors = events.factors(universe, span)
    at_anchor = events.factors(universe, days[anchor : anchor + 1]).all
    base = np.round(adjusted * (at_anchor / factors.all), 2)
    step = np.diff(folded, axis=1, prepend=folded[:, :1])
    close, prev_close = _closes(base, factors.all, resting.on, step, strong, percent)
    return Walk(span, step, close, prev_close, adjusted, percent, resting, factors, is_st)


def _steps(universe: Universe, days: Ints, percent: Ints, calm: Flags) -> tuple[Ints, Flags]:
    seed, numbers = universe.seed, universe.numbers
    own = hashing.bell(hashing.bits(seed, "return", numbers, days)) * universe.sigma[:, None] // _BELL_SIGMA
    market = hashing.bell(hashing.bits(seed, "return", _MARKET, days)) * _MARKET_SIGMA // _BELL_SIGMA
    step = (own + market) // (1 + calm)
    ordinary = np.log1p(np.arange(31) / 100 * _ORDINARY) * 1e6
    bound = ordinary.astype(np.int64)[np.where(percent == 0, 10, percent)]
    step = np.clip(step, -bound, bound)
    strong = (hashing.uniform(seed, "strong", numbers, days) < 0.004) & (percent > 0)
    up = (np.log1p(np.arange(31) / 100 * _STRONG) * 1e6).astype(np.int64)[percent]
    down = (np.log1p(-np.arange(31) / 100 * _STRONG) * 1e6).astype(np.int64)[percent]
    return np.where(strong, np.where(step >= 0, up, down), step), strong


def _closes(base: Floats, factor: Floats, resting: Flags, step: Ints, strong: Flags, percent: Ints) -> tuple[Floats, Floats]:
    # A strong day ends at the limit itself, but never two in a row nor after a rest: its limit then stands on a plain close.
    lone = strong & ~resting
    lone[:, 1:] &= ~strong[:, :-1] & ~resting[:, :-1]
    lone[:, 0] = False
    whole = np.abs(step) > 0.9 * np.log1p(percent / 100 * _STRONG) * 1e6
    lone &= whole
    before = np.concatenate([base[:, :1], base[:, :-1]], axis=1)
    ratio = np.concatenate([np.ones((len(base), 1)), factor[:, :-1] / factor[:, 1:]], axis=1)
    low, high = limits.prices(np.round(before * ratio, 2), percent)
    close = np.where(lone, np.where(step > 0, high, low), base)
    traded = np.where(resting, 0, np.arange(base.shape[1])[None, :])
    last = np.maximum.accumulate(traded, axis=1)
    carried = np.take_along_axis(close, last, axis=1)
    last_before = np.concatenate([last[:, :1], last[:, :-1]], axis=1)
    prev = np.take_along_axis(close, last_before, axis=1) * np.take_along_axis(factor, last_before, axis=1) / factor
    return carried, np.round(prev, 2)
