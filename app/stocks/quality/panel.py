"""Bars as arrays, sorted by instrument and day, with each row's last traded day at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys, calendar
from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.instruments import BOARDS, board_of

UNKNOWN = -1
COLUMNS = (
    "order_book_id", "trade_date", "open", "high", "low", "close", "prev_close", "volume", "total_turnover", "adj_factor",
    "split_factor", "limit_up", "limit_down", "is_suspended", "is_st",
)  # fmt: skip
"""What a panel reads of daily_bars."""


@dataclass(frozen=True)
class Panel:
    """Rows of daily_bars, sorted by key. `judged` marks those that a check may name; the others give it a past."""

    table: pa.Table
    ids: list[str]
    code: Ints
    """Each row's place in `ids`."""
    day: Ints
    place: Ints
    """Each row's session, counted in all known ones; -1 on a day without trading."""
    judged: Flags
    listed: Mapping[str, date]
    """Known listing dates."""
    actions: pa.Table | None = None
    """Rows of corporate_actions; None where the source tells of none."""

    @classmethod
    def of(
        cls,
        table: pa.Table,
        sessions: Sequence[date],
        *,
        since: date | None = None,
        listed: Mapping[str, date] | None = None,
        actions: pa.Table | None = None,
    ) -> "Panel":
        """A panel of these rows, in any order; those before `since` are not judged."""
        table = bar_keys.in_order(table)
        encoded = table.column("order_book_id").combine_chunks().dictionary_encode()
        day = bar_keys.days(table)
        days = calendar.day_numbers(sessions)
        place = np.searchsorted(days, day)
        on_session = days[np.minimum(place, len(days) - 1)] == day
        judged = np.ones(len(day), bool) if since is None else day >= calendar.day_numbers([since])[0]
        code = encoded.indices.to_numpy().astype(np.int64)
        return cls(
            table, encoded.dictionary.to_pylist(), code, day, np.where(on_session, place, -1), judged, listed or {}, actions
        )

    def column(self, name: str) -> Floats:
        """A column of numbers; NaN for null."""
        return np.asarray(self.table.column(name).to_numpy(), dtype=np.float64)

    def flags(self, name: str) -> Flags:
        """A column of booleans; null is False."""
        return np.asarray(self.table.column(name).fill_null(False).to_numpy(), dtype=bool)

    def has(self, name: str) -> bool:
        """Whether any row says something there."""
        return bool(self.table.column(name).null_count < len(self.table))

    @cached_property
    def suspended(self) -> Flags:
        """Rows of days without trading."""
        return self.flags("is_suspended")

    @cached_property
    def close(self) -> Floats:
        """Closing prices."""
        return self.column("close")

    @cached_property
    def factor(self) -> Floats:
        """Factors of all ex-rights; 1 where none is known."""
        known = self.column("adj_factor")
        return np.where(np.isfinite(known), known, 1.0)

    @cached_property
    def begin(self) -> Ints:
        """The first row of each row's instrument."""
        rows = np.arange(len(self.code))
        changes = np.concatenate([[True], self.code[1:] != self.code[:-1]])[: len(rows)]
        return np.maximum.accumulate(np.where(changes, rows, 0))

    @cached_property
    def before(self) -> Ints:
        """The row of the instrument's last traded day before this one; -1 where the panel has none."""
        traded = np.where(~self.suspended & np.isfinite(self.close), np.arange(len(self.code)), -1)
        last = np.maximum.accumulate(np.concatenate([[-1], traded]))[:-1]
        return np.where(last >= self.begin, last, -1)

    @cached_property
    def unbroken(self) -> Flags:
        """Whether there is a last traded day, and a row for every session since."""
        rows = np.arange(len(self.code))
        consecutive: Flags = self.place - self.place[self.before] == rows - self.before
        return (self.before >= 0) & consecutive

    @cached_property
    def reference(self) -> Floats:
        """The last close after factors: what a right prev_close equals to half a fen. NaN where there is none."""
        carried = self.close[self.before] * self.factor[self.before] / self.factor
        return np.where(self.before >= 0, carried, np.nan)

    @cached_property
    def board(self) -> Ints:
        """The place of each row's board in BOARDS; -1 for what is no A-share."""
        boards = [board_of(one) for one in self.ids]
        known = np.array([BOARDS.index(one) if one in BOARDS else UNKNOWN for one in boards], dtype=np.int64)
        return known[self.code]

    @cached_property
    def listing(self) -> Ints:
        """The day of each row's listing; where unknown, that of the instrument's first row if the panel has earlier days."""
        # date.min lies before 1970 and stands for unknown.
        days = np.maximum(calendar.day_numbers([self.listed.get(one, date.min) for one in self.ids]), UNKNOWN)
        own = days[self.code]
        first = self.day[self.begin]
        return np.where(own != UNKNOWN, own, np.where(first > self.day.min(initial=first.max(initial=0)), first, UNKNOWN))

    def tail(self) -> pa.Table:
        """Each instrument's rows from its last traded day on: the past of what follows this panel."""
        rows = np.arange(len(self.code))
        last = np.full(len(self.ids), -1, dtype=np.int64)
        np.maximum.at(last, self.code, np.where(self.suspended | np.isnan(self.close), -1, rows))
        return self.table.filter(pa.array(rows >= last[self.code]))

    def row(self, at: int) -> tuple[str, date]:
        """The key of a row."""
        return self.ids[self.code[at]], calendar.day_of(self.day[at])
