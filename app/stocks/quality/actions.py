"""Corporate actions against the bars' factors: what was paid and split must be what the factors say."""

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys
from app.stocks.arrays import Floats, Ints
from app.stocks.quality.check import Check, Found
from app.stocks.quality.panel import Panel

_HALF_FEN = 0.005
_FACTOR_DIGITS = 4e-6
"""Of two factors with six decimals."""


def factors(panel: Panel) -> Found:
    """adj_factor grows by last close / ((last close - cash) / split), split_factor by split, over the ex-dates since; else by 1.

    The exchanges' rule for the reference price of an ex-date, which is rounded to the fen. A vendor's factor may begin on the
    ex-date or, of a suspended name, when trading resumes.
    """
    if panel.actions is None:
        # Where no action can be known, nothing is held against the factors.
        nothing = np.zeros(len(panel.code), dtype=bool)
        return Found(nothing, nothing, str)
    rows = np.flatnonzero(~panel.suspended & (panel.before >= 0) & np.isfinite(panel.close))
    before = panel.before[rows]
    adjusted, split = (panel.column(name) for name in ("adj_factor", "split_factor"))
    made, splits = _expected(panel, rows, before, panel.actions)
    found, found_splits = adjusted[rows] / adjusted[before], split[rows] / split[before]
    price = panel.close[before] / made
    off = np.abs(found / made - 1) > (_HALF_FEN + 1e-9) / price + _FACTOR_DIGITS
    off |= np.isfinite(found_splits) & (np.abs(found_splits / splits - 1) > _FACTOR_DIGITS)
    checked, failed = np.zeros(len(panel.code), dtype=bool), np.zeros(len(panel.code), dtype=bool)
    checked[rows] = np.isfinite(found)
    failed[rows] = off
    place = np.zeros(len(panel.code), dtype=np.int64)
    place[rows] = np.arange(len(rows))

    def say(at: int) -> str:
        row = place[at]
        told = f"splits by {splits[row]:g}, factors by {made[row]:.6f}"
        return f"corporate actions since the last close make {told}; the bars have {found_splits[row]:g} and {found[row]:.6f}"

    return Found(checked, failed, say)


def _expected(panel: Panel, rows: Ints, before: Ints, actions: pa.Table) -> tuple[Floats, Floats]:
    """By which each row's factors grew since its last traded row: of all ex-rights, and of splits alone."""
    price, splits = panel.close[before].copy(), np.ones(len(rows))
    if len(rows):
        row, cash, split, round_ = _by_row(panel, rows, actions)
        # Several ex-dates in one rest come one after the other.
        for number in range(int(round_.max(initial=-1)) + 1):
            now = round_ == number
            price[row[now]] = (price[row[now]] - cash[now]) / split[now]
            splits[row[now]] *= split[now]
    with np.errstate(divide="ignore", invalid="ignore"):
        return panel.close[before] / price, splits


def _by_row(panel: Panel, rows: Ints, actions: pa.Table) -> tuple[Ints, Floats, Floats, Ints]:
    """Of each action the first of the rows on or after its ex-date, its amounts, and how many actions that row had before it."""
    keyed = actions.select(["order_book_id", "ex_date"]).rename_columns(["order_book_id", "trade_date"])
    wanted, own = bar_keys.numbers(panel.ids, keyed), bar_keys.numbers(panel.ids, panel.table)[rows]
    at = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
    begun = bar_keys.numbers(panel.ids, panel.table)[panel.before[rows[at]]]
    falls = (wanted >= 0) & (own[at] >= wanted) & (begun < wanted)
    order = np.flatnonzero(falls)[np.argsort(wanted[falls], kind="stable")]
    row = at[order]
    first = np.searchsorted(row, row)
    cash, split = (actions.column(name).to_numpy()[order] for name in ("cash_dividend", "split_ratio"))
    return row, cash, split, np.arange(len(row)) - first


CHECKS: tuple[Check, ...] = (Check("actions", "factors are what dividends and splits make", "warn", 1, factors),)
