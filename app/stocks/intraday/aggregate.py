"""Longer bars of shorter ones: first open, highest high, lowest low, last close, sums of volume and turnover."""

from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa

from app.stocks.arrays import Array, Ints
from app.stocks.instruments import EXCHANGES
from app.stocks.intraday import minutes
from app.stocks.intraday.bars import Bars, exchanges

AGGREGATED = "aggregated"
"""What the column `source` says of a bar that was made of shorter ones."""


def longer(bars: Bars, frequency: str) -> pa.Table:
    """Bars of a longer frequency, in canonical columns but for the source, sorted by key.

    A bar is named by the end of its last minute even where its last minutes are missing; runs never reach across a day.
    Raises ValueError when the frequency is none of which these bars are parts. All rows must lie in the hours.
    """
    length = minutes.LENGTHS[frequency]
    if length % bars.length or length <= bars.length:
        raise ValueError(f"bars of {bars.length} minutes are no parts of {frequency}")
    starts = bars.starts(buckets=length)
    columns = _summed(bars, starts)
    last = (bars.place[starts] // length + 1) * length - 1
    at = bars.day[starts] * 1440 + _ends(bars, starts, last)
    table = _keyed(bars, starts, columns)
    stamps = pa.array(at * 60_000, pa.int64()).cast(pa.timestamp("ms"))
    return table.add_column(1, "at", stamps).add_column(2, "frequency", pa.array(np.full(len(starts), frequency)))


def daily(bars: Bars) -> pa.Table:
    """One row an instrument and day: order_book_id, trade_date, open, high, low, close, volume, total_turnover; sorted by key."""
    starts = bars.starts()
    return _keyed(bars, starts, _summed(bars, starts))


def _keyed(bars: Bars, starts: Ints, columns: dict[str, Array]) -> pa.Table:
    ids = pa.array(bars.ids, pa.string()).take(pa.array(bars.code[starts]))
    days = pa.array(bars.day[starts], pa.int32()).cast(pa.date32())
    numbers = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    return pa.table({"order_book_id": ids, "trade_date": days, **numbers})


def _summed(bars: Bars, starts: Ints) -> dict[str, Array]:
    if not len(starts):
        return {name: np.zeros(0) for name in ("open", "high", "low", "close", "volume", "total_turnover")}
    ends = np.concatenate([starts[1:], [len(bars.code)]]) - 1
    return {
        "open": bars.numbers("open")[starts],
        "high": np.fmax.reduceat(bars.numbers("high"), starts),
        "low": np.fmin.reduceat(bars.numbers("low"), starts),
        "close": bars.numbers("close")[ends],
        "volume": np.add.reduceat(bars.numbers("volume"), starts).astype(np.int64),
        "total_turnover": np.add.reduceat(bars.numbers("total_turnover"), starts),
    }


def _ends(bars: Bars, starts: Ints, place: Ints) -> Ints:
    """The minute of the day with which those minutes of their sessions end."""
    found = np.zeros(len(starts), dtype=np.int64)
    trades_on = exchanges(bars.ids)[bars.code[starts]]
    for number, exchange in enumerate(EXCHANGES):
        rows = np.flatnonzero(trades_on == number)
        known = _known(exchange)
        found[rows] = known[np.minimum(place[rows], len(known) - 1)]
    return found


@cache
def _known(exchange: str) -> Ints:
    # Every hours of every exchange have the same minutes of continuous trading.
    return minutes.ends(exchange, date.max)
