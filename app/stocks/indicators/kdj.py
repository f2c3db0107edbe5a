"""KDJ (9,3,3) as Chinese screens draw it."""

import numpy as np
import talib

from app.stocks.indicators.prices import Floats

BARS = 9
SEED = 50.0
_SPAN = 5
"""An exponential mean over 5 has the weight 2 / (5 + 1) = 1/3 of the newest value."""


def kdj(high: Floats, low: Floats, close: Floats) -> tuple[Floats, Floats, Floats]:
    """K, D and J. RSV = 100 x (close - lowest low) / (highest high - lowest low) over 9 traded bars; K = 2/3 K' + 1/3 RSV;
    D = 2/3 D' + 1/3 K; J = 3 K - 2 D; K and D begin at 50, and stay where the range is zero. Null for the first 8 bars.

    Source: 通达信's KDJ, SMA(RSV, 3, 1). It is not TA-Lib's STOCH.
    """
    lowest = talib.MIN(low, BARS)
    span = talib.MAX(high, BARS) - lowest
    moves = span > 0
    k_moved = _smooth(100 * (close[moves] - lowest[moves]) / span[moves])
    d_moved = _smooth(k_moved)
    # Where the range is zero the last value holds, before the first one the seed.
    last = np.cumsum(moves)
    k = np.concatenate(([SEED], k_moved))[last]
    d = np.concatenate(([SEED], d_moved))[last]
    k[: BARS - 1] = np.nan
    d[: BARS - 1] = np.nan
    return k, d, 3 * k - 2 * d


def _smooth(values: Floats) -> Floats:
    # TA-Lib seeds an exponential mean with the plain mean of its first values: five seeds in front make that the seed.
    smoothed: Floats = talib.EMA(np.concatenate((np.full(_SPAN, SEED), values)), _SPAN)
    return smoothed[_SPAN:]
