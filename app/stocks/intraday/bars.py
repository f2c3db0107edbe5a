"""Bars of minutes as arrays: for each row its instrument, its day, and which minute of its session it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys, calendar
from app.stocks.arrays import Array, Flags, Floats, Ints
from app.stocks.instruments import EXCHANGES, exchange_of
from app.stocks.intraday import minutes

COLUMNS = ("order_book_id", "at", "frequency", "trade_date", "open", "high", "low", "close", "volume", "total_turnover")
"""What they are read of intraday_bars."""
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Bars:
    """Rows of one frequency, sorted by instrument and time."""

    table: pa.Table
    ids: list[str]
    code: Ints
    """Each row's place in `ids`."""
    day: Ints
    minute: Ints
    """The minute of the day at which the bar ends."""
    place: Ints
    """Which minute of its session that is, from 0; -1 outside the hours."""
    length: int
    """Minutes of trading in a bar."""

    @classmethod
    def of(cls, table: pa.Table, frequency: str) -> "Bars":
        """These rows, in any order. All of them must be of the frequency."""
        table = table.combine_chunks()
        ids = table.column("order_book_id").combine_chunks()
        encoded = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        rank = np.empty(len(names), dtype=np.int64)
        rank[np.argsort(np.array(names, dtype=object))] = np.arange(len(names))
        code, at = rank[encoded.indices.to_numpy()], _milliseconds(table)
        order = np.lexsort((at, code))
        if not (order[1:] > order[:-1]).all():
            table, code, at = table.take(pa.array(order)), code[order], at[order]
        names, day, minute = sorted(names), bar_keys.days(table), at // 60_000 % 1440
        return cls(table, names, code, day, minute, _places(names, code, day, minute), minutes.LENGTHS[frequency])

    def numbers(self, name: str) -> Floats:
        """A column of numbers; NaN for null."""
        return np.asarray(self.table.column(name).to_numpy(), dtype=np.float64)

    def starts(self, *, buckets: int | None = None) -> Ints:
        """The first row of each instrument's day; with `buckets` of each run of so many minutes of it."""
        if not len(self.code):
            return np.zeros(0, dtype=np.int64)
        changes = (self.code[1:] != self.code[:-1]) | (self.day[1:] != self.day[:-1])
        if buckets is not None:
            bucket = self.place // buckets
            changes |= bucket[1:] != bucket[:-1]
        return np.flatnonzero(np.concatenate([[True], changes]))

    def on_session(self, sessions: Sequence[date]) -> Flags:
        """Which rows are of a day with trading."""
        days = calendar.day_numbers(sessions)
        found: Flags = days[np.minimum(np.searchsorted(days, self.day), len(days) - 1)] == self.day
        return found


def _milliseconds(table: pa.Table) -> Ints:
    numbers: Ints = table.column("at").cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy()
    return numbers


def _places(ids: list[str], code: Ints, day: Ints, minute: Ints) -> Ints:
    trades_on = exchanges(ids)[code]
    found = np.full(len(code), -1, dtype=np.int64)
    for number, exchange in enumerate(EXCHANGES):
        rows: Array = np.flatnonzero(trades_on == number)
        found[rows] = minutes.place(exchange, day[rows], minute[rows])
    return found


def exchanges(ids: Sequence[str]) -> Ints:
    """The place in EXCHANGES of each instrument's."""
    return np.array([EXCHANGES.index(exchange_of(one)) for one in ids], dtype=np.int64)
