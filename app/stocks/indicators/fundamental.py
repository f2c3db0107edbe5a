"""Fundamentals point in time: each value is used from the session on which it was known, never before."""

import numpy as np
import numpy.typing as npt

from app.stocks.indicators.prices import Floats, Series
from app.stocks.lake.sweep import Block

COLUMNS = ("known_date", "earnings_yield", "book_yield", "sales_yield", "roe_ttm", "market_cap")
_YIELDS = ("earnings_yield", "book_yield", "sales_yield")


def fundamental(series: Series, known: Block) -> dict[str, Floats]:
    """The fundamental columns for each traded day of the series, NaN where nothing was known.

    On a day stands the newest row with known_date <= day. A yield is an amount per market value at the close of its row's
    day: until the next row it moves with that close over the present one, the market value the other way; both adjusted for
    splits, which change neither.
    """
    row, here = _newest_known(series, known)
    values = {name: np.where(here, known.values[name][row], np.nan) for name in COLUMNS[1:]}
    then = _close_on(series, known)[row]
    moved = np.where(here, series.split_close / then, np.nan)
    result = {name: values[name] / moved for name in _YIELDS}
    result["roe_ttm"] = values["roe_ttm"]
    with np.errstate(divide="ignore", invalid="ignore"):
        capital = np.log(values["market_cap"] * moved)
    result["log_market_cap"] = np.where(np.isfinite(capital), capital, np.nan)
    return result


def _newest_known(series: Series, known: Block) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """For each day of the series: the position of the newest known row, and whether there is one."""
    code = _translate(series.symbols, known)
    available = known.values["known_date"].astype(np.int64)
    order = np.lexsort((known.days, available, code))
    order = order[code[order] >= 0]
    # A row of an older day that became known later does not replace a newer one.
    newest = np.maximum.accumulate(_key(code[order], known.days[order]))
    order = order[_key(code[order], known.days[order]) == newest]
    at = np.searchsorted(_key(code[order], available[order]), _key(series.code, series.days), side="right") - 1
    row = order[np.maximum(at, 0)] if len(order) else np.zeros(len(at), dtype=np.intp)
    here = (at >= 0) & (code[row] == series.code) if len(order) else np.zeros(len(at), dtype=bool)
    return row, here


def _close_on(series: Series, known: Block) -> Floats:
    """For each row of the fundamentals: the split-adjusted close of its day, or of the last traded day before it."""
    code = _translate(series.symbols, known)
    at = np.searchsorted(_key(series.code, series.days), _key(code, known.days), side="right") - 1
    there = (at >= 0) & (series.code[np.maximum(at, 0)] == code)
    return np.where(there, series.split_close[np.maximum(at, 0)], np.nan)


def _translate(symbols: list[str], known: Block) -> npt.NDArray[np.int64]:
    """Each row's instrument as a position in `symbols`; -1 for one that has no bars."""
    position = {symbol: number for number, symbol in enumerate(symbols)}
    return np.array([position.get(symbol, -1) for symbol in known.symbols], dtype=np.int64)[known.code]


def _key(code: npt.NDArray[np.integer], days: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    return code.astype(np.int64) * 2**32 + days
