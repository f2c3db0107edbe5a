"""What a file's volume and turnover are counted in, judged by its own numbers: turnover / volume is a price of the day."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from app.stocks.arrays import Floats
from app.stocks.moving.mapping import SCALES, UNITS, Unit

TOLERANCE = 0.01
"""How far VWAP may lie outside low..high, as in the check `vwap`: turnover comes rounded."""
ENOUGH = 0.9
"""The part of the rows that must agree: some are wrong in every file, and none of the pairs of units is near another."""
FEWEST = 5


@dataclass(frozen=True)
class Judged:
    """The pair of units in which VWAP lies within low..high, of `agreeing` of `rows` traded rows; None where none does."""

    volume: Unit | None
    turnover: Unit | None
    agreeing: int
    rows: int


def judge(low: Floats, high: Floats, volume: Floats, turnover: Floats) -> Judged | None:
    """By raw numbers, NaN for null. None where too few rows have all four."""
    with np.errstate(invalid="ignore"):
        whole = (volume > 0) & (turnover > 0) & (low > 0) & (high >= low)
    rows = int(np.count_nonzero(whole))
    if rows < FEWEST:
        return None
    price = turnover[whole] / volume[whole]
    best = Judged(None, None, 0, rows)
    for counted, paid in product(UNITS["volume"], UNITS["total_turnover"]):
        vwap = price * SCALES[paid] / SCALES[counted]
        inside = (vwap >= low[whole] * (1 - TOLERANCE)) & (vwap <= high[whole] * (1 + TOLERANCE))
        agreeing = int(np.count_nonzero(inside))
        if agreeing > best.agreeing:
            best = Judged(counted, paid, agreeing, rows)
    return best if best.agreeing >= ENOUGH * rows else Judged(None, None, best.agreeing, rows)
