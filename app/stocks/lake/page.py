"""A dataset's rows in pages: month by month, within a month by key. A page costs what it holds, and no month is sorted anew."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import FileFacts
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.reading import narrow, outside
from app.stocks.lake.rows import form, plain
from app.stocks.schema import Spec


@dataclass(frozen=True)
class Place:
    """Where a page ended: in which partition, and behind which key (as text)."""

    partition: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class RowPage:
    """Rows, and where the next page begins; None when nothing follows."""

    rows: pa.Table
    after: Place | None


@dataclass(frozen=True)
class Choice:
    """Which rows: trade dates from `start` to `end`, both included, and instruments; None: all of them."""

    start: date | None = None
    end: date | None = None
    symbols: Sequence[str] | None = None


def page(
    folder: Path,
    spec: Spec,
    files: Sequence[FileFacts],
    columns: Sequence[str],
    choice: Choice,
    *,
    after: Place | None = None,
    limit: int,
    seconds: float,
) -> RowPage:
    """At most `limit` rows behind `after`, in the dictionary's types; fewer, even none, when the time is up before.

    `files` are the dataset's, by partition. The choice must fit the dataset.
    """
    ends = time.monotonic() + seconds
    pieces: list[pa.Table] = []
    room, last = limit, after
    for piece, place in _pieces(folder, spec, files, columns, choice, after):
        if len(piece) > room:
            pieces.append(piece.slice(0, room))
            return _made(spec, columns, pieces, _key_at(spec, piece, room - 1, place.partition) if room else last)
        pieces.append(piece)
        room, last = room - len(piece), place
        # Not before it got ahead: the row group that holds `after` is read again.
        if time.monotonic() > ends and place != after:
            return _made(spec, columns, pieces, last)
    return _made(spec, columns, pieces, None)


def _made(spec: Spec, columns: Sequence[str], pieces: list[pa.Table], after: Place | None) -> RowPage:
    wanted = list(columns)
    held = [piece.select(wanted) for piece in pieces if len(piece)]
    rows = pa.concat_tables(held) if held else form(spec, wanted).empty_table()
    return RowPage(plain(spec, rows).combine_chunks(), after)


def _pieces(
    folder: Path, spec: Spec, files: Sequence[FileFacts], columns: Sequence[str], choice: Choice, after: Place | None
) -> Iterator[tuple[pa.Table, Place]]:
    """The chosen rows behind a place, a row group or so at a time, each with the place behind it."""
    needed = sorted({*columns, *spec.key, *filter(None, [spec.date_column]), *_narrowing(choice)})
    only = set(choice.symbols) if choice.symbols is not None and spec.key[0] == "order_book_id" else None
    for file in files:
        partition = file["partition"]
        behind = after.key if after is not None and partition == after.partition else ()
        passed = after is not None and partition < after.partition
        if passed or outside(file, choice.start, choice.end):
            continue
        cursor = Cursor(folder / file["path"], spec, needed, only, behind[0] if behind else None)
        while (near := cursor.near) is not None:
            piece = cursor.take(near)
            place = _key_at(spec, piece, len(piece) - 1, partition)
            if behind:
                piece = piece.filter(_behind(spec, piece, behind))
            yield narrow(spec, piece, choice.start, choice.end, choice.symbols), place


def _narrowing(choice: Choice) -> list[str]:
    return [] if choice.symbols is None else ["order_book_id"]


def _behind(spec: Spec, table: pa.Table, key: tuple[str, ...]) -> Any:
    """Which rows stand behind that key, in the keys' order."""
    mask: Any = None
    for name, text in reversed(list(zip(spec.key, key, strict=True))):
        field = spec.arrow.field(name)
        column = table.column(name).cast(field.type)
        value = pa.scalar(_read(field.type, text), field.type)
        more = pc.greater(column, value)
        mask = more if mask is None else pc.or_(more, pc.and_(pc.equal(column, value), mask))
    return mask


def _read(kind: pa.DataType, text: str) -> date | str:
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(text)
    return date.fromisoformat(text) if pa.types.is_date32(kind) else text


def _key_at(spec: Spec, table: pa.Table, row: int, partition: str) -> Place:
    values = (table.column(name)[row].as_py() for name in spec.key)
    return Place(partition, tuple(value.isoformat() if isinstance(value, date) else value for value in values))
