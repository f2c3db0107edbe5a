"""The series that indicators stand on: traded days, back-adjusted prices, split-adjusted volume."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.stocks.lake.sweep import Block

Floats = npt.NDArray[np.float64]
COLUMNS = ("high", "low", "close", "volume", "adj_factor", "split_factor", "is_suspended")


@dataclass(frozen=True)
class Series:
    """Traded days of a block of instruments, by instrument, then by date.

    `split_close` is the close adjusted for splits alone: what values per market value move with.
    """

    symbols: list[str]
    code: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    split_close: Floats
    adjusted: bool
    """Whether any row had a factor."""


def traded(values: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Which rows are days with trading: not suspended, with prices."""
    positive = (values["close"] > 0) & (values["high"] > 0) & (values["low"] > 0)
    return np.asarray(positive & ~values["is_suspended"].astype(bool))


def series(block: Block) -> Series:
    """Raw bars as series: price x adj_factor, volume / split_factor.

    A missing factor is the instrument's last known one, and 1 before that: a value never depends on a later day.
    """
    keep = np.flatnonzero(traded(block.values))
    code, days = block.code[keep], block.days[keep]
    column = {name: block.values[name][keep] for name in COLUMNS}
    adjusted = bool((~np.isnan(column["adj_factor"])).any())
    factor = filled(column["adj_factor"], code)
    split = filled(column["split_factor"], code)
    return Series(
        block.symbols,
        code,
        days,
        high=column["high"] * factor,
        low=column["low"] * factor,
        close=column["close"] * factor,
        volume=column["volume"] / split,
        split_close=column["close"] * split,
        adjusted=adjusted,
    )


def filled(factor: Floats, code: npt.NDArray[np.int32]) -> Floats:
    """Each instrument's factors, a missing one being its last known one, and 1 before that; the same array if none is."""
    missing = np.isnan(factor)
    if not missing.any():
        return factor
    rows = np.arange(len(factor))
    last = np.maximum.accumulate(np.where(missing, -1, rows))
    known = (last >= 0) & (code[np.maximum(last, 0)] == code)
    return np.where(known, factor[np.maximum(last, 0)], 1.0)
