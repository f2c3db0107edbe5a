"""The technical formulas, for one instrument's whole history. TA-Lib's definition and warm-up wherever it has one."""

import numpy as np
import talib

from app.stocks.indicators.kdj import kdj
from app.stocks.indicators.prices import Floats

VERSION = 1
"""Raised when a formula changes: everything is calculated again."""

_WINDOW = 20


def technical(high: Floats, low: Floats, close: Floats, volume: Floats) -> dict[str, Floats]:
    """Every technical indicator by its column's name, NaN before its warm-up. Arrays of traded days, oldest first."""
    dif, dea, hist = talib.MACD(close, 12, 26, 9)
    up, mid, down = talib.BBANDS(close, _WINDOW, 2, 2)
    k, d, j = kdj(high, low, close)
    return {
        **{f"ma{n}": talib.SMA(close, n) for n in (5, 10, 20, 60)},
        **{f"ema{n}": talib.EMA(close, n) for n in (12, 26)},
        "macd_dif": dif,
        "macd_dea": dea,
        "macd_hist": hist,
        **{f"rsi{n}": talib.RSI(close, n) for n in (6, 12, 14, 24)},
        "kdj_k": k,
        "kdj_d": d,
        "kdj_j": j,
        "boll_mid": mid,
        "boll_up": up,
        "boll_low": down,
        "atr14": talib.ATR(high, low, close, 14),
        "obv_20d": obv_change(close, volume),
        "volatility_20d": volatility(close),
        "momentum_20d": talib.ROCP(close, _WINDOW),
        "volume_ratio_5d": volume_ratio(volume),
    }


def obv_change(close: Floats, volume: Floats) -> Floats:
    """OBV(close, volume) less its value 20 traded days before: OBV's own zero is arbitrary.

    Source: Granville, on-balance volume; TA-Lib OBV. Null where one of the 20 volumes is unknown.
    """
    unknown = np.isnan(volume)
    balance = talib.OBV(close, np.where(unknown, 0, volume))
    return _without(unknown, _WINDOW, _lagged(balance, _WINDOW, np.subtract))


def volatility(close: Floats) -> Floats:
    """Sample standard deviation of the last 20 simple returns close / close' - 1, not annualised.

    Source: TA-Lib STDDEV (population) x sqrt(20 / 19).
    """
    result = np.full(len(close), np.nan)
    if len(close) > _WINDOW:
        returns = close[1:] / close[:-1] - 1
        result[1:] = talib.STDDEV(returns, _WINDOW) * np.sqrt(_WINDOW / (_WINDOW - 1))
    return result


def volume_ratio(volume: Floats) -> Floats:
    """量比 at the close: volume / mean volume of the five traded days before. Null where that mean is zero or unknown."""
    days = 5
    unknown = np.isnan(volume)
    mean = talib.SMA(np.where(unknown, 0, volume), days)
    result = np.full(len(volume), np.nan)
    np.divide(volume[1:], mean[:-1], out=result[1:], where=mean[:-1] > 0)
    return _without(unknown, days + 1, result)


def _lagged(values: Floats, days: int, operation: np.ufunc) -> Floats:
    result = np.full(len(values), np.nan)
    if len(values) > days:
        operation(values[days:], values[:-days], out=result[days:])
    return result


def _without(unknown: np.ndarray, days: int, values: Floats) -> Floats:
    """The values, null where one of the last `days` inputs is unknown."""
    if unknown.any():
        total = np.cumsum(unknown)
        before = np.concatenate((np.zeros(min(days, len(total)), dtype=total.dtype), total[:-days]))
        values[total > before] = np.nan
    return values
