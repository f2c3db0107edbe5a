"""What is missing: expected rows are calendar x listed; what is neither there nor inferred as suspended is missing.

Not yet listed and delisted are not missing. A source that tells no listing dates is expected to have a row for every session
from an instrument's first row to its last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys, calendar
from app.stocks.arrays import Flags, Ints
from app.stocks.quality.neighbours import same_price
from app.stocks.quality.panel import Panel

INFERRED = "inferred"


@dataclass(frozen=True)
class Roll:
    """Whom to expect: ids, sorted, and the first and last day of each, as days since 1970; unknown ends are open."""

    ids: list[str]
    first: Ints
    last: Ints
    told: Flags
    """Whether the source tells when it was listed."""

    @classmethod
    def of(cls, instruments: pa.Table) -> "Roll":
        """The instruments' listings; the newest period of an instrument knows its listing and its delisting."""
        table = instruments.select(["order_book_id", "valid_from", "listed_date", "delisted_date"])
        newest = {row["order_book_id"]: row for row in table.sort_by("valid_from").to_pylist()}
        ids = sorted(newest)
        listed = [newest[one]["listed_date"] for one in ids]
        gone = [newest[one]["delisted_date"] for one in ids]
        first = calendar.day_numbers([day or date.min for day in listed])
        last = calendar.day_numbers([day or date.max for day in gone]) - 1
        return cls(ids, first, last, np.array([day is not None for day in listed], dtype=bool))

    def only(self, ids: Sequence[str]) -> "Roll":
        """Those of them that are named."""
        named = set(ids)
        places = np.array([at for at, one in enumerate(self.ids) if one in named], dtype=np.int64)
        return Roll([self.ids[at] for at in places], self.first[places], self.last[places], self.told[places])

    @property
    def listed(self) -> dict[str, date]:
        """The known listing dates."""
        told = zip(self.ids, self.first, self.told, strict=True)
        return {one: calendar.day_of(day) for one, day, known in told if known}


@dataclass(frozen=True)
class Grid:
    """Instruments x sessions of a window: who is expected, who is there."""

    ids: list[str]
    days: Ints
    expected: Flags
    present: Flags

    @property
    def missing(self) -> Flags:
        """Expected and not there."""
        return self.expected & ~self.present

    def cells(self, which: Flags) -> pa.Table:
        """Those cells as keys: order_book_id, trade_date; sorted."""
        name, day = np.nonzero(which)
        ids = pa.DictionaryArray.from_arrays(pa.array(name, pa.int32()), pa.array(self.ids, pa.string())).cast(pa.string())
        return pa.table({"order_book_id": ids, "trade_date": pa.array(self.days[day], pa.int32()).cast(pa.date32())})


def grid(roll: Roll, keys: pa.Table, sessions: Sequence[date]) -> Grid:
    """What is expected and what is there on these sessions. `keys`: of rows in the lake, of days around them too."""
    days = calendar.day_numbers(sessions)
    code, day = _codes(roll.ids, keys)
    first, last = roll.first.copy(), roll.last.copy()
    seen_first, seen_last = spans(roll, keys)
    first[~roll.told] = np.maximum(first, seen_first)[~roll.told]
    last[~roll.told] = np.minimum(last, seen_last)[~roll.told]
    expected = (days >= first[:, None]) & (days <= last[:, None])
    present = np.zeros(expected.shape, dtype=bool)
    place = np.searchsorted(days, day)
    inside = (place < len(days)) & (days[np.minimum(place, len(days) - 1)] == day) if len(days) else np.zeros(len(day), bool)
    present[code[inside], place[inside]] = True
    return Grid(roll.ids, days, expected, present)


def _codes(ids: list[str], keys: pa.Table) -> tuple[Ints, Ints]:
    code = bar_keys.places(ids, keys)
    return code[code >= 0], bar_keys.days(keys)[code >= 0]


def spans(roll: Roll, keys: pa.Table) -> tuple[Ints, Ints]:
    """The first and the last day of which there is a row, for each of the roll; first > last where there is none."""
    code, day = _codes(roll.ids, keys)
    first, last = np.full(len(roll.ids), np.iinfo(np.int64).max), np.full(len(roll.ids), np.iinfo(np.int64).min)
    np.minimum.at(first, code, day)
    np.maximum.at(last, code, day)
    return first, last


def suspensions(bars: pa.Table, missing: pa.Table, sessions: Sequence[date]) -> pa.Table:
    """Rows of daily_bars for those missing cells whose instrument evidently did not trade.

    The next traded row's reference price equals the last close after factors: no session lay between them. `bars` are sorted
    rows of daily_bars around the cells, `missing` the cells' keys.
    """
    panel = Panel.of(bars, sessions)
    given = panel.column("prev_close")
    resumes = (panel.before >= 0) & ~panel.suspended & same_price(given, panel.reference)
    code, day = _codes(panel.ids, missing)
    width = int(max(panel.day.max(initial=0), day.max(initial=0))) + 1
    traded = np.flatnonzero(~panel.suspended & np.isfinite(panel.close))
    following = np.searchsorted(panel.code[traded] * width + panel.day[traded], code * width + day)
    has_next = following < len(traded)
    row = traded[np.where(has_next, following, 0)] if len(traded) else np.zeros(len(code), dtype=np.int64)
    rests = has_next & (panel.code[row] == code) & resumes[row] if len(traded) else np.zeros(len(code), bool)
    return _rested(bars, panel.before[row[rests]], code[rests], day[rests], panel.ids)


def _rested(bars: pa.Table, before: Ints, code: Ints, day: Ints, ids: list[str]) -> pa.Table:
    past = bars.take(pa.array(before))
    count = len(before)
    return pa.table(
        {
            "order_book_id": pa.array([ids[one] for one in code], pa.string()),
            "trade_date": pa.array(day, pa.int32()).cast(pa.date32()),
            "volume": pa.array(np.zeros(count, dtype=np.int64)),
            "total_turnover": pa.array(np.zeros(count)),
            "adj_factor": past.column("adj_factor"),
            "split_factor": past.column("split_factor"),
            "is_suspended": pa.array(np.ones(count, dtype=bool)),
            "is_st": past.column("is_st"),
            "source": pa.array([INFERRED] * count, pa.string()),
        }
    )
