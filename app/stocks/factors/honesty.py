"""Whether a time series' factor is what it says: the same for the same input, blind to later days, no older than its lookback.

It is asked again about a sample, with days taken away. What passes may still cheat where the sample does not look.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.stocks.factors.call import FactorFailed, ask
from app.stocks.factors.declare import Factor
from app.stocks.indicators.prices import Floats

_CUTS = (0.5, 0.75, 0.95)
"""After which part of an instrument's days the rest is taken away."""


def check(factor: Factor, columns: Sequence[pd.Series], values: Floats, symbol: str) -> None:
    """Raise FactorFailed with the sentence that says what is wrong. `values`: what it gave for these columns."""
    if not _alike(ask(factor, columns, symbol), values).all():
        raise FactorFailed(f"factor {factor.name!r} gives other values each time that it is asked for the same ones of {symbol}")
    for end in sorted({int(len(values) * cut) for cut in _CUTS} - {0}):
        _check_ahead(factor, columns, values, symbol, end)
        if factor.lookback is not None and end >= factor.lookback:
            _check_back(factor, columns, values, symbol, end)


def _check_ahead(factor: Factor, columns: Sequence[pd.Series], values: Floats, symbol: str, end: int) -> None:
    alike = _alike(ask(factor, [column.iloc[:end] for column in columns], symbol), values[:end])
    if alike.all():
        return
    days = columns[0].index
    day, last = (days[at].date() for at in (int(np.flatnonzero(~alike)[0]), end - 1))
    raise FactorFailed(
        f"factor {factor.name!r} looks into the future: of {symbol} its value of {day} changes when the days after {last} are"
        " taken away",
        hint="a value may depend on its own day and earlier ones alone: no shift(-1), no mean over the whole series",
    )


def _check_back(factor: Factor, columns: Sequence[pd.Series], values: Floats, symbol: str, end: int) -> None:
    assert factor.lookback is not None
    window = [column.iloc[end - factor.lookback : end] for column in columns]
    alone, among = ask(factor, window, symbol)[-1:], values[end - 1 : end]
    # A rolling mean carries rounding from older days along, so that far less is asked of it.
    if not np.isclose(alone, among, rtol=1e-6, atol=1e-9 * float(np.nanmax(np.abs(values), initial=0)), equal_nan=True).all():
        raise FactorFailed(
            f"factor {factor.name!r} looks further back than its lookback of {factor.lookback} traded days: of {symbol} its value"
            f" of {columns[0].index[end - 1].date()} is {among[0]:g}, and {alone[0]:g} of those days alone",
            hint="lookback counts the day itself: 6 for close / close.shift(5); without one the whole history is meant",
        )


def _alike(left: Floats, right: Floats) -> np.ndarray:
    return np.isclose(left, right, rtol=1e-9, atol=1e-12, equal_nan=True)
