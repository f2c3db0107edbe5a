"""One file in this library's own words: canonical names, units and days, which the source `files` then takes in."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.errors import Invalid
from app.stocks import ids
from app.stocks.arrays import Floats
from app.stocks.moving.bring import Brought
from app.stocks.moving.mapping import SCALES, UNITS, ColumnMap, Mapped, mapped
from app.stocks.moving.units import Judged, judge
from app.stocks.sources.files import aliases
from app.stocks.sources.files.convert import Columns
from app.stocks.sources.files.fault import BadFile
from app.stocks.sources.files.read import Opened

_TEXTS = ("order_book_id", "trade_date", "is_suspended", "trade_status", "is_st", "name")
_SERIALS = range(20_000, 80_000)
"""Excel's days since 1899-12-30, of 1954 to 2119: no other way to write a day looks like this."""
_EXCEL = date(1899, 12, 30)
_WRITTEN = (
    (re.compile(r"(\d{4})(\d{2})(\d{2})"), "20250829"),
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T].*)?"), "2025-08-29"),
    (re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?: .*)?"), "2025/08/29"),
    (re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})"), "2025.08.29"),
    (re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日"), "2025年8月29日"),
)


@dataclass
class Canonical:
    """The rows under canonical names, and what was found out on the way."""

    table: pa.Table
    columns: dict[str, str]
    units: dict[str, str]
    dates: dict[str, int] = field(default_factory=dict)
    padded: int = 0


def canonical(brought: Brought, given: ColumnMap | None) -> Canonical:
    """Raises Invalid for a map or units that do not fit, and BadFile, which names the row, for what cannot be read."""
    found = mapped(brought.table.column_names, given)
    if not brought.table.num_rows:
        raise BadFile(brought.path, "has no rows")
    raw = _columns(brought, {name: (one.own, 1.0) for name, one in found.items()})
    units, scales = _units(brought, raw, found)
    scaled = _columns(brought, {name: (one.own, scales.get(name, one.scale)) for name, one in found.items()})
    made = {name: scaled.numbers(name) for name in found if name not in _TEXTS}
    texts = {name: _text(brought.table.column(one.own)) for name, one in found.items() if name in _TEXTS}
    days, formats = _each(brought, found["trade_date"].own, texts["trade_date"], _day, pa.date32())
    known, spelt = _each(brought, found["order_book_id"].own, texts["order_book_id"], _id, pa.string())
    table = pa.table({**made, **texts, "trade_date": days, "order_book_id": known})
    return Canonical(table, {name: one.own for name, one in found.items()}, units, formats, spelt.get("padded", 0))


def _columns(brought: Brought, names: dict[str, tuple[str, float]]) -> Columns:
    return Columns(Opened(brought.path, brought.table, names, aliases.BARS))


def _units(brought: Brought, raw: Columns, found: dict[str, Mapped]) -> tuple[dict[str, str], dict[str, float]]:
    """What numbers are counted in, in words, and the scales that this makes. Raises Invalid where that cannot be so."""
    pair = ("volume", "total_turnover")
    declared = {name: _unit(name, one.scale) for name, one in found.items() if name in UNITS}
    judged = judge(*(_floats(raw, name) for name in ("low", "high", *pair))) if "total_turnover" in found else None
    if judged is None:
        why = "there is no turnover to judge it by" if "total_turnover" not in found else "too few rows to judge it by"
        return {name: f"{unit} (by its name; {why})" if name in pair else unit for name, unit in declared.items()}, {}
    _check(brought, judged, found, declared)
    best = {"volume": judged.volume, "total_turnover": judged.turnover}
    how = f"judged: turnover / volume lies within low..high in {judged.agreeing} of {judged.rows} rows"
    words = {name: f"{best[name]} ({how})" if name in best else unit for name, unit in declared.items()}
    return words, {name: SCALES[unit] for name, unit in best.items() if unit is not None}


def _check(brought: Brought, judged: Judged, found: dict[str, Mapped], declared: dict[str, str]) -> None:
    if judged.volume is None or judged.turnover is None:
        raise Invalid(
            f"{brought.path.name}: in no units does turnover / volume lie within low..high; at best in "
            f"{judged.agreeing} of {judged.rows} rows.",
            hint="are the prices adjusted? Export raw ones, with adj_factor beside them. Is a column not what it seems? Map it.",
        )
    for name, unit in (("volume", judged.volume), ("total_turnover", judged.turnover)):
        if found[name].told and declared[name] != unit:
            said = {"column": found[name].own, "unit": unit}
            raise Invalid(
                f"{brought.path.name}: the map says that {name} is in {declared[name]}, but its numbers are in {unit}: "
                f"only then does turnover / volume lie within low..high ({judged.agreeing} of {judged.rows} rows).",
                hint=f'write "{name}": {said} into the map, or leave the unit out'.replace("'", '"'),
            )


def _unit(name: str, scale: float) -> str:
    return next(unit for unit in UNITS[name] if SCALES[unit] == scale)


def _floats(columns: Columns, name: str) -> Floats:
    values: Floats = columns.numbers(name).to_numpy(zero_copy_only=False)
    return values


def _text(column: pa.ChunkedArray) -> pa.Array:
    column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        # 600000.0: how a spreadsheet's numbers come out of a data frame with gaps.
        whole = np.array_equal(pc.floor(column.drop_null()).to_numpy(), column.drop_null().to_numpy())
        column = column.cast(pa.int64(), safe=False) if whole else column
    return column.cast(pa.string())


def _each(
    brought: Brought, own: str, column: pa.Array, read: Callable[[str], tuple[Any, str] | None], kind: pa.DataType
) -> tuple[pa.Array, dict[str, int]]:
    """Every value by a look at each distinct one: what it means, and how often it was written in which way."""
    encoded = pc.utf8_trim_whitespace(column).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    meant = [read(text) for text in texts]
    found = pa.array([None if one is None else one[0] for one in meant], kind).take(encoded.indices)
    if found.null_count:
        row = int(np.flatnonzero(pc.is_null(found).to_numpy(zero_copy_only=False))[0])
        value = column[row].as_py()
        hint = _HINTS[read]
        raise BadFile(
            brought.path, f"{value!r} is not understood ({found.null_count} such rows)", column=own, row=row + 1, hint=hint
        )
    ways: Counter[str] = Counter()
    for text, count in zip(texts, np.bincount(encoded.indices.to_numpy(), minlength=len(texts)).tolist(), strict=True):
        ways[read(text)[1]] += count  # type: ignore[index]  # a None would have been found
    return found, dict(ways)


def _day(text: str) -> tuple[date, str] | None:
    text = text.removesuffix(".0")
    if text.isascii() and text.isdigit() and len(text) == 5 and int(text) in _SERIALS:
        return _EXCEL + timedelta(days=int(text)), "Excel serial"
    for pattern, name in _WRITTEN:
        if match := pattern.fullmatch(text):
            try:
                return datetime(*(int(part) for part in match.groups())).date(), name  # type: ignore[arg-type]  # noqa: DTZ001 - three numbers: a day, in no zone
            except ValueError:
                return None
    return None


def _id(text: str) -> tuple[str, str] | None:
    text = text.removesuffix(".0")
    if text.isascii() and text.isdigit() and len(text) < _DIGITS:
        # A spreadsheet took it for a number: only Shenzhen's begin with noughts.
        found = ids.canonical(text.zfill(_DIGITS))
        return (found, "padded") if found else None
    found = ids.canonical(text)
    return (found, "as written") if found else None


_DIGITS = 6
_HINTS: dict[Any, str] = {
    _day: "days are written 20250829, 2025-08-29, 2025/8/29, 2025年8月29日, or as Excel's serial numbers",
    _id: "ids are those of docs/file-source.md: 600000.XSHG, 600000.SH, sh.600000, SH600000, 600000",
}
