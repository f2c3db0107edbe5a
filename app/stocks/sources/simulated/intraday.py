"""The simulated vendor's bars of minutes: each day's walk from its open over its extremes to its close, adding up to its bar."""

import itertools

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys
from app.stocks.arrays import Array, Floats, Ints
from app.stocks.intraday import aggregate, minutes
from app.stocks.intraday.bars import Bars
from app.stocks.sources.simulated import hashing

_SILENT = 238
"""14:59 has no trade: orders wait for the closing auction."""


def table(seed: int, numbers: Ints, bars: pa.Table, frequency: str, source: str) -> pa.Table:
    """The bars of those daily ones (sorted, clean; `numbers`: each row's number in the market), in canonical columns."""
    known = minutes.ends("XSHG", bars.column("trade_date")[0].as_py())
    day = bar_keys.days(bars)
    # The same minute of another day is another draw.
    of_day = (day.astype(np.uint64) << np.uint64(20))[:, None]
    draws = hashing.mix(hashing.bits(seed, "minute", numbers, np.arange(len(known))) + of_day)
    open_, high, low, close, volume, turnover = (
        np.asarray(bars.column(name).to_numpy(), dtype=np.float64)
        for name in ("open", "high", "low", "close", "volume", "total_turnover")
    )
    ends = _path(draws, open_, high, low, close)
    begins = np.concatenate([open_[:, None], ends[:, :-1]], axis=1)
    shares = _shares(draws, volume)
    worth = shares * (begins + ends)
    total = worth.sum(axis=1, keepdims=True)
    part = np.divide(worth, total, out=np.zeros_like(worth), where=total > 0)
    at = (day[:, None] * 1440 + known[None, :]) * 60_000
    ids, days = (np.repeat(np.arange(len(day)), len(known)) for _ in range(2))
    made = pa.table(
        {
            "order_book_id": bars.column("order_book_id").take(pa.array(ids)),
            "at": pa.array(at.ravel(), pa.int64()).cast(pa.timestamp("ms")),
            "frequency": pa.array(np.full(at.size, "1m")),
            "trade_date": bars.column("trade_date").take(pa.array(days)),
            "open": begins.ravel(),
            "high": np.maximum(begins, ends).ravel(),
            "low": np.minimum(begins, ends).ravel(),
            "close": ends.ravel(),
            "volume": shares.ravel(),
            "total_turnover": np.round(part * turnover[:, None], 2).ravel(),
        }
    )
    found = made if frequency == "1m" else aggregate.longer(Bars.of(made, "1m"), frequency)
    return found.append_column("source", pa.repeat(source, len(found)))


def _path(draws: Array, open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Closing prices of the minutes: over both extremes, in either order, with a tremor in between."""
    rows, count = draws.shape
    first = 5 + np.floor(hashing.quarter(draws[:, 0], 0) * 100).astype(np.int64)
    second = 125 + np.floor(hashing.quarter(draws[:, 0], 1) * 100).astype(np.int64)
    up = hashing.quarter(draws[:, 0], 2) < 0.5
    one, other = np.where(up, high, low), np.where(up, low, high)
    minute = np.arange(count)[None, :]
    knots = ((-1, open_), (first, one), (second, other), (count - 1, close))
    path = np.empty((rows, count))
    for (left, start), (right, end) in itertools.pairwise(knots):
        left, right = (np.broadcast_to(at, rows)[:, None] for at in (left, right))
        inside = (minute > left) & (minute <= right)
        path = np.where(inside, start[:, None] + (end - start)[:, None] * (minute - left) / (right - left), path)
    still = (minute == first[:, None]) | (minute == second[:, None]) | (minute >= _SILENT)
    tremor = (high - low)[:, None] * 0.1 * (hashing.quarter(draws, 3) - 0.5) * ~still
    path = np.asarray(np.round(np.clip(path + tremor, low[:, None], high[:, None]), 2), dtype=np.float64)
    path[:, _SILENT] = path[:, _SILENT - 1]
    return path


def _shares(draws: Array, volume: Floats) -> Array:
    """Whole hundreds that add up to the day: much at both ends, none in the silent minute."""
    count = draws.shape[1]
    shape = 1 + 2 * np.abs(np.arange(count) / count - 0.5) + (np.arange(count) == count - 1) * 5
    weight = shape[None, :] * (0.2 + hashing.quarter(draws, 1))
    weight[:, _SILENT] = 0
    done = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True) * (volume // 100)[:, None]
    whole = np.floor(done + 1e-9) * 100
    whole[:, -1] = volume
    shares: Array = np.diff(whole, axis=1, prepend=0).astype(np.int64)
    return shares
