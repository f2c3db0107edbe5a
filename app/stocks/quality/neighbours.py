"""Checks that compare a row with the days before it. Either may be the wrong one, so nothing is kept out: they warn."""

import numpy as np

from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.quality import limits
from app.stocks.quality.check import Check, Found
from app.stocks.quality.panel import UNKNOWN, Panel

HALF_FEN = 0.005
_FEN = 0.01
_FACTOR_DIGITS = 2e-6
"""Vendors give factors with six decimals."""
_LONG_REST = 60
"""Sessions without trading after which a resumption may have no ordinary limit."""


def same_price(price: Floats, other: Floats) -> Flags:
    """Whether two prices differ by no more than rounding to the fen and a factor's last digit explain; not where one is NaN."""
    close: Flags = np.abs(price - other) <= HALF_FEN + _FACTOR_DIGITS * np.abs(other) + 1e-9
    return close


def continuity(panel: Panel) -> Found:
    """The reference price is the last close after factors."""
    given = panel.column("prev_close")
    checked = panel.unbroken & ~panel.suspended & np.isfinite(given)

    def say(at: int) -> str:
        return f"prev_close is {given[at]:g}, but the last close after factors is {panel.reference[at]:.4f}"

    return Found(checked, ~same_price(given, panel.reference), say)


def within_limits(panel: Panel) -> Found:
    """high and low lie within the vendor's limits, else within those that the exchange's rules give."""
    given = panel.column("prev_close")
    rate, free = _rules(panel)
    rests = np.where(panel.before >= 0, np.arange(len(given)) - panel.before, 0) > _LONG_REST
    lower, upper = limits.prices(given, rate)
    lower = np.where(np.isfinite(panel.column("limit_down")), panel.column("limit_down"), np.where(free | rests, np.nan, lower))
    upper = np.where(np.isfinite(panel.column("limit_up")), panel.column("limit_up"), np.where(free | rests, np.nan, upper))
    high, low = panel.column("high"), panel.column("low")
    checked = ~panel.suspended & np.isfinite(lower) & np.isfinite(upper)
    failed = (high > upper + _FEN + 1e-9) | (low < lower - _FEN - 1e-9)

    def say(at: int) -> str:
        return f"moves between {low[at]:g} and {high[at]:g}, beyond the limits {lower[at]:g}..{upper[at]:g}"

    return Found(checked, failed, say)


def jumps(panel: Panel) -> Found:
    """Where no reference price tells of an ex-date, the close moves no further than the day's limit allows."""
    rate, free = _rules(panel)
    lower, upper = limits.prices(panel.reference, rate)
    unexplained = np.isnan(panel.column("prev_close"))
    checked = panel.unbroken & ~panel.suspended & unexplained & ~free
    failed = (panel.close > upper + _FEN + 1e-9) | (panel.close < lower - _FEN - 1e-9)

    def say(at: int) -> str:
        move = panel.close[at] / panel.reference[at] - 1
        return f"closes at {panel.close[at]:g} after {panel.reference[at]:g} ({move:+.1%}; the limit was {rate[at]} %)"

    return Found(checked, failed, say)


def stale(panel: Panel) -> Found:
    """A traded day does not repeat the one before in all its prices and its volume."""
    checked = panel.unbroken & ~panel.suspended
    same = np.ones(len(panel.code), bool)
    for name in ("open", "high", "low", "close", "volume"):
        values = panel.column(name)
        same &= values == values[panel.before]
    return Found(checked, same, lambda at: "repeats the prices and the volume of the day before")


def _rules(panel: Panel) -> tuple[Ints, Flags]:
    rate = limits.percent(panel.board, panel.day, panel.flags("is_st"))
    # Free sessions are counted in days, generously: a rule by days only ever excuses more.
    sessions = limits.free_sessions(panel.board, panel.listing)
    young = (panel.listing != UNKNOWN) & (panel.day - panel.listing < np.where(sessions > 1, sessions + 16, sessions))
    return rate, (rate == 0) | young


CHECKS: tuple[Check, ...] = (
    Check("prev_close", "it is the last close after factors, to half a fen", "warn", 2, continuity),
    Check(
        "limits",
        "the day stays within the vendor's limits, else those of the exchange's rules of that date",
        "warn",
        1,
        within_limits,
        since=limits.BEGIN,
    ),
    Check(
        "jumps",
        "without a reference price, the close moves no further than the limit allows",
        "warn",
        2,
        jumps,
        since=limits.BEGIN,
    ),
    Check("stale", "no day repeats the one before in prices and volume", "warn", 0.5, stale),
)
