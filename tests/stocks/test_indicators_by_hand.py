"""Each technical indicator of real bars once more from its definition: plain Python, one bar at a time, without any library."""

from collections.abc import Callable
from itertools import pairwise
from math import isnan, nan, sqrt
from pathlib import Path

import pytest

from app.stocks.dictionary.indicators import TECHNICAL
from app.stocks.indicators.calculate import calculate
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import pick, sse50

Numbers = list[float]

pytestmark = pytest.mark.data


def mean(values: Numbers) -> float:
    return sum(values) / len(values)


def over(days: int, values: Numbers, of: Callable[[Numbers], float]) -> Numbers:
    """Of each window of so many bars; null before the first whole one."""
    return [of(values[at - days + 1 : at + 1]) if at >= days - 1 else nan for at in range(len(values))]


def ema(days: int, values: Numbers, start: int = 0) -> Numbers:
    """Begins as the mean of the first `days` bars from `start` on, then moves by 2 / (days + 1) of the way."""
    found = [nan] * len(values)
    found[start + days - 1] = mean(values[start : start + days])
    for at in range(start + days, len(values)):
        found[at] = found[at - 1] + 2 / (days + 1) * (values[at] - found[at - 1])
    return found


def wilder(days: int, values: Numbers, start: int) -> Numbers:
    """Begins as the mean of the first `days` bars from `start` on, then moves by 1 / days of the way."""
    found = [nan] * len(values)
    found[start + days - 1] = mean(values[start : start + days])
    for at in range(start + days, len(values)):
        found[at] = (found[at - 1] * (days - 1) + values[at]) / days
    return found


def rsi(days: int, close: Numbers) -> Numbers:
    moves = [nan] + [now - before for before, now in pairwise(close)]
    up, down = (wilder(days, [max(sign * move, 0.0) for move in moves], 1) for sign in (1, -1))
    return [100 * rise / (rise + fall) for rise, fall in zip(up, down, strict=True)]


def macd(close: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The fast mean begins where the slow one does, so that it is of the 12 bars before."""
    fast, slow = ema(12, close, start=14), ema(26, close)
    line = [one - other for one, other in zip(fast, slow, strict=True)]
    signal = ema(9, line, start=25)
    shown = [nan if isnan(known) else value for value, known in zip(line, signal, strict=True)]
    return shown, signal, [value - known for value, known in zip(line, signal, strict=True)]


def kdj(high: Numbers, low: Numbers, close: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    k = d = 50.0
    found: tuple[Numbers, Numbers, Numbers] = ([nan] * 8, [nan] * 8, [nan] * 8)
    for at in range(8, len(close)):
        top, bottom = max(high[at - 8 : at + 1]), min(low[at - 8 : at + 1])
        k = 2 / 3 * k + 1 / 3 * (100 * (close[at] - bottom) / (top - bottom))
        d = 2 / 3 * d + 1 / 3 * k
        for series, value in zip(found, (k, d, 3 * k - 2 * d), strict=True):
            series.append(value)
    return found


def deviation(values: Numbers, freedom: int = 0) -> float:
    return sqrt(sum((value - mean(values)) ** 2 for value in values) / (len(values) - freedom))


def by_hand(high: Numbers, low: Numbers, close: Numbers, volume: Numbers) -> dict[str, Numbers]:
    size = len(close)
    ranges = [nan] + [max(high[at], close[at - 1]) - min(low[at], close[at - 1]) for at in range(1, size)]
    balance = [volume[0]]
    for at in range(1, size):
        balance.append(balance[-1] + ((close[at] > close[at - 1]) - (close[at] < close[at - 1])) * volume[at])
    returns = [nan] + [now / before - 1 for before, now in pairwise(close)]
    middle, spread = over(20, close, mean), over(20, close, deviation)
    dif, dea, hist = macd(close)
    k, d, j = kdj(high, low, close)
    return {
        **{f"ma{n}": over(n, close, mean) for n in (5, 10, 20, 60)},
        **{f"ema{n}": ema(n, close) for n in (12, 26)},
        **{f"rsi{n}": rsi(n, close) for n in (6, 12, 14, 24)},
        "macd_dif": dif,
        "macd_dea": dea,
        "macd_hist": hist,
        "kdj_k": k,
        "kdj_d": d,
        "kdj_j": j,
        "boll_mid": middle,
        "boll_up": [one + 2 * width for one, width in zip(middle, spread, strict=True)],
        "boll_low": [one - 2 * width for one, width in zip(middle, spread, strict=True)],
        "atr14": wilder(14, ranges, 1),
        "obv_20d": [balance[at] - balance[at - 20] if at >= 20 else nan for at in range(size)],
        "volatility_20d": over(20, returns, lambda window: deviation(window, 1)),
        "momentum_20d": [close[at] / close[at - 20] - 1 if at >= 20 else nan for at in range(size)],
        "volume_ratio_5d": [volume[at] / mean(volume[at - 5 : at]) if at >= 5 else nan for at in range(size)],
    }


@pytest.mark.parametrize("symbol", ["600036.XSHG", "601088.XSHG", "688041.XSHG"])
def test_every_indicator_of_real_bars_is_what_its_definition_gives(market_data: Path, tmp_path: Path, symbol: str) -> None:
    """With an ex-date in the first, a suspension in the others."""
    raw = pick(sse50(market_data), symbol)
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", raw)
    calculate(lake)
    rows = raw.sort_values("trade_date")
    adjusted = [(rows[name] * rows["adj_factor"]).tolist() for name in ("high", "low", "close")]
    expected = by_hand(*adjusted, [float(value) for value in rows["volume"]])
    assert expected.keys() == {column.name for column in TECHNICAL}
    found = lake.read("indicators").to_pandas()
    for name, values in expected.items():
        assert found[name].tolist() == pytest.approx(values, rel=1e-8, abs=1e-8, nan_ok=True), name
