"""What a factor's function is given: columns of bars and indicators on traded days, prices and volumes adjusted."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.stocks import dictionary
from app.stocks.indicators.prices import Floats, filled, traded
from app.stocks.lake.sweep import Block
from app.stocks.schema import Column


def _numbers(dataset: str) -> dict[str, Column]:
    return {column.name: column for column in dictionary.get(dataset).columns if column.type in ("float", "integer")}


BARS, INDICATORS = _numbers("daily_bars"), _numbers("indicators")
KNOWN = (*BARS, *INDICATORS)
"""What a factor may take. Fundamentals come through the indicators alone, where each is used from its known_date on."""

_NEEDED = ("high", "low", "close", "is_suspended", "adj_factor", "split_factor")


@dataclass(frozen=True)
class Panel:
    """Inputs on traded days, by instrument, then by date; `code` is each row's position in `symbols`, `days` since 1970."""

    symbols: list[str]
    code: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    values: dict[str, Floats]


def bar_columns(inputs: Collection[str]) -> list[str]:
    """The columns of the bars that these inputs are made of."""
    return [name for name in dictionary.get("daily_bars").names if name in _NEEDED or (name in inputs and name in BARS)]


def indicator_columns(inputs: Collection[str]) -> list[str]:
    """The columns of the indicators that these inputs are made of."""
    return [name for name in INDICATORS if name in inputs]


def panel(bars: Block, indicators: Block, inputs: Collection[str], *, whole: bool) -> Panel:
    """The inputs on the days that were traded; NaN where there is no indicator.

    Prices are multiplied by adj_factor, volumes divided by split_factor. `whole`: the block begins with each instrument's first
    bar, so a missing factor is the last known one; else it is unknown, unless the block has none at all.
    """
    keep = np.flatnonzero(traded(bars.values))
    code, days = bars.code[keep], bars.days[keep]
    there = indicators.code.size > 0
    at, found = _places(bars.symbols, code, days, indicators) if there else (np.zeros(0, dtype=np.intp), np.zeros(0, dtype=bool))
    values: dict[str, Floats] = {}
    for name in inputs:
        if name not in BARS:
            nothing = np.full(len(code), np.nan)
            values[name] = np.where(found, indicators.values[name][at], np.nan) if there else nothing
            continue
        column = bars.values[name][keep]
        role = BARS[name].role
        if role == "price":
            column = column * _factor(bars.values["adj_factor"][keep], code, whole)
        elif role == "volume":
            column = column / _factor(bars.values["split_factor"][keep], code, whole)
        values[name] = column
    return Panel(bars.symbols, code, days, values)


def _factor(values: Floats, code: npt.NDArray[np.int32], whole: bool) -> Floats:
    if whole:
        return filled(values, code)
    return np.ones(len(values)) if np.isnan(values).all() else values


def _places(
    symbols: list[str], code: npt.NDArray[np.int32], days: npt.NDArray[np.int32], block: Block
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """For each row: where in the block its key stands, and whether it does."""
    position = {symbol: number for number, symbol in enumerate(symbols)}
    theirs = np.array([position.get(symbol, -1) for symbol in block.symbols], dtype=np.int64)[block.code]
    keys, wanted = theirs * 2**32 + block.days, code.astype(np.int64) * 2**32 + days
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return order[at], keys[order][at] == wanted
