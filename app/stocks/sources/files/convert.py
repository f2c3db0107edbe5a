"""A vendor's columns in canonical types: text to numbers and days, exact about the row that cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.clock import SHANGHAI
from app.stocks import ids
from app.stocks.sources.files.fault import BadFile
from app.stocks.sources.files.read import Opened

_NULLS = pa.array(["", "nan", "none", "null", "na", "n/a", "-", "--"])
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DAY = r"^(\d{4})[-/]?(\d{2})[-/]?(\d{2})([ T].*)?$"
_INSTANT = r"^(\d{4})[-/]?(\d{2})[-/]?(\d{2})[ T](\d{2}):?(\d{2})(:?\d{2})?(\.\d+)?$"
_TRUE = pa.array(["1", "true", "yes", "y", "是", "1.0"])
_FALSE = pa.array(["0", "false", "no", "n", "否", "0.0"])
_TRADING = pa.array(["1", "1.0", "交易", "trading", "normal"])


_SHORT_DAY = r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})([ T].*)?$"
"""As spreadsheets write it."""

_NUMERIC = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)


class Columns:
    """Reads one file's columns by their canonical names; every method raises BadFile with the first row that it cannot read."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def __contains__(self, name: str) -> bool:
        return name in self._opened.names

    def __len__(self) -> int:
        return int(self._opened.table.num_rows)

    @property
    def path(self) -> Path:
        """The file."""
        return self._opened.path

    def numbers(self, name: str) -> pa.Array:
        """float64 in the canonical unit; what says "nothing" is null, infinities stay."""
        column = self._column(name)
        if pa.types.is_string(column.type):
            text = self._text(column)
            self._refuse(name, text, pc.invert(pc.match_substring_regex(text, _NUMBER)), "is no number")
            column = text
        elif not any(is_kind(column.type) for is_kind in _NUMERIC):
            raise self._bad(name, f"holds {column.type}, but numbers are needed")
        values = column.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
        scale = self._opened.names[name][1]
        # Vendors' units are powers of ten: rounding undoes what multiplying adds in the last digit.
        return values if scale == 1 else pc.round(pc.multiply(values, scale), 3 if scale > 1 else 10)

    def shares(self, name: str) -> pa.Array:
        """int64; a fraction of one is refused."""
        values = self.numbers(name)
        off = pc.greater(pc.abs(pc.subtract(values, pc.round(values))), 1e-3)
        self._refuse(name, values, off, "is no whole number of shares", "adjusted volumes are not taken: export raw ones")
        self._refuse(name, values, pc.greater(pc.abs(values), 2.0**53), "is too large to be a number of shares")
        return pc.round(values).cast(pa.int64())

    def days(self, name: str, *, optional: bool = False) -> pa.Array:
        """date32 from days, instants, text (2025-08-29, 2025/08/29, 20250829) or integers (20250829).

        Null is refused, unless the column is `optional`.
        """
        column = self._column(name)
        kind = column.type
        if pa.types.is_timestamp(kind):
            local = pc.local_timestamp(column.cast(pa.timestamp("us", str(SHANGHAI)))) if kind.tz else column
            days = local.cast(pa.date32(), safe=False)
        elif pa.types.is_date(kind):
            days = column.cast(pa.date32())
        elif pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
            whole = column if pa.types.is_string(kind) else column.cast(pa.int64(), safe=False).cast(pa.string())
            # A day stands in as many rows as there are names: each is read once.
            encoded = whole.dictionary_encode()
            days = _days(encoded.dictionary).take(encoded.indices)
        else:
            raise self._bad(name, f"holds {kind}, but days are needed")
        hint = (
            "days are written 2025-08-29, 2025/8/29 or 20250829; a number such as 45898 is Excel's own: save the column as text"
        )
        bad = pc.is_null(days)
        if optional:
            said = column if not pa.types.is_string(kind) else self._text(column)
            bad = pc.and_(bad, pc.is_valid(said))
        self._refuse(name, column, bad, "is no day", hint)
        return days

    def instants(self, name: str) -> pa.Array:
        """Local wall time in milliseconds, without a zone, from instants or text (2025-08-29 10:30, 2025/08/29 10:30:00)."""
        column = self._column(name)
        if pa.types.is_timestamp(column.type):
            local = pc.local_timestamp(column.cast(pa.timestamp("us", str(SHANGHAI)))) if column.type.tz else column
            found = local.cast(pa.timestamp("ms"), safe=False)
        elif pa.types.is_string(column.type):
            encoded = column.dictionary_encode()
            text = pc.replace_substring_regex(pc.utf8_trim_whitespace(encoded.dictionary), _INSTANT, r"\1-\2-\3 \4:\5")
            stamps = pc.strptime(text, format="%Y-%m-%d %H:%M", unit="ms", error_is_null=True)
            found = stamps.take(encoded.indices)
        else:
            raise self._bad(name, f"holds {column.type}, but instants are needed")
        self._refuse(name, column, pc.is_null(found), "is no instant", "instants are written 2025-08-29 10:30")
        return found

    def times_of_day(self, name: str) -> int:
        """How many different times of the day stand there; 0 for a column of days."""
        column = self._column(name)
        if pa.types.is_timestamp(column.type):
            return len(
                np.unique(column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).drop_null().to_numpy() % 86_400_000)
            )
        if not pa.types.is_string(column.type):
            return 0
        known = pc.unique(column)
        timed = known.filter(pc.match_substring_regex(known, _INSTANT))
        return len(pc.unique(pc.replace_substring_regex(timed, _INSTANT, r"\4:\5")))

    def order_book_ids(self, name: str, *, current: bool = True) -> pa.Array:
        """Canonical ids of today, or as they were once with `current` false; null is refused, and so is what is no id."""
        column = self._column(name)
        if not pa.types.is_string(column.type):
            hint = "write them as text, such as 000001.SZ: a number loses its leading zeros"
            raise self._bad(name, f"holds {column.type}, but ids are text", hint=hint)
        encoded = column.dictionary_encode()
        read = ids.canonical if current else ids.as_written
        known = pa.array([read(text) for text in encoded.dictionary.to_pylist()], pa.string())
        found = known.take(encoded.indices)
        hint = "ids look like 600000.XSHG, 600000.SH, sh.600000 or SH600000; simulated ones are not taken"
        self._refuse(name, column, pc.is_null(found), "is no id of an A-share", hint)
        return found

    def flags(self, name: str) -> pa.Array:
        """Booleans from booleans, 0 and 1, or yes and no in words."""
        column = self._column(name)
        if pa.types.is_boolean(column.type):
            return column
        text = pc.utf8_lower(self._text(column.cast(pa.string())))
        true, false = pc.is_in(text, _TRUE), pc.is_in(text, _FALSE)
        self._refuse(name, column, pc.and_(pc.is_valid(text), pc.invert(pc.or_(true, false))), "is neither true nor false")
        return pc.if_else(pc.is_valid(text), true, pa.scalar(None, pa.bool_()))

    def not_trading(self, name: str) -> pa.Array:
        """True where a trade status says anything but trading; null where it says nothing."""
        text = pc.utf8_lower(self._text(self._column(name).cast(pa.string())))
        return pc.if_else(pc.is_valid(text), pc.invert(pc.is_in(text, _TRADING)), pa.scalar(None, pa.bool_()))

    def text(self, name: str) -> pa.Array:
        """Text without blanks around it; what says "nothing" is null."""
        return self._text(self._column(name).cast(pa.string()))

    def _column(self, name: str) -> pa.Array:
        column = self._opened.table.column(self._opened.names[name][0])
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        return column

    @staticmethod
    def _text(column: pa.Array) -> pa.Array:
        text = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.is_in(pc.utf8_lower(text), _NULLS), pa.scalar(None, pa.string()), text)

    def _refuse(self, name: str, column: pa.Array, bad: pa.Array, problem: str, hint: str = "") -> None:
        rows = np.flatnonzero(pc.fill_null(bad, False).to_numpy(zero_copy_only=False))
        if len(rows):
            value: Any = column[int(rows[0])].as_py()
            more = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
            raise self._bad(name, f"{value!r} {problem}{more}", row=int(rows[0]) + 1, hint=hint)

    def _bad(self, name: str, problem: str, *, row: int | None = None, hint: str = "") -> BadFile:
        return BadFile(self._opened.path, problem, column=self._opened.names[name][0], row=row, hint=hint)


def _days(written: pa.Array) -> pa.Array:
    """Days of their texts; null for what is none."""
    text = pc.utf8_trim_whitespace(written)
    if pc.any(pc.match_substring_regex(text, r"^\d{4}[-/](\d[-/]|\d{2}[-/]\d($|[ T]))")).as_py():
        padded = pc.replace_substring_regex(text, _SHORT_DAY, r"\1-0\2-0\3\4")
        text = pc.replace_substring_regex(padded, r"-0(\d{2})", r"-\1")
    text = pc.replace_substring_regex(text, _DAY, r"\1-\2-\3")
    stamps = pc.strptime(text, format="%Y-%m-%d", unit="s", error_is_null=True)
    # strptime lets 30 February roll over into March.
    same = pc.equal(pc.strftime(stamps, format="%Y-%m-%d"), text)
    return pc.if_else(same, stamps.cast(pa.date32()), pa.scalar(None, pa.date32()))
