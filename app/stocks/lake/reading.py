"""Reading rows of a dataset: months and row groups that cannot hold them are not opened."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import FileFacts
from app.stocks.lake import keys
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.rows import form, plain
from app.stocks.schema import Spec


def read(
    folder: Path,
    spec: Spec,
    files: Iterable[FileFacts],
    *,
    columns: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    symbols: Sequence[str] | None = None,
) -> pa.Table:
    """Rows of those files, sorted by key, with the columns asked for in the dictionary's order.

    `start` and `end` are trade dates, both included. Raises ValueError for an unknown column, and for symbols of a dataset
    without order_book_id.
    """
    wanted = [name for name in spec.names if columns is None or name in columns]
    for name in columns or ():
        spec.check_name(name)
    if symbols is not None:
        spec.check_name("order_book_id")
    needed = {
        *wanted,
        *spec.key,
        *([spec.date_column] if spec.date_column else []),
        *(["order_book_id"] if symbols is not None else []),
    }
    only = set(symbols) if symbols is not None and spec.key[0] == "order_book_id" else None
    pieces = []
    for file in files:
        if outside(file, start, end):
            continue
        piece = Cursor(folder / file["path"], spec, sorted(needed), only).take()
        pieces.append(narrow(spec, piece, start, end, symbols))
    if not pieces:
        return plain(spec, form(spec, wanted).empty_table())
    return plain(spec, _sorted(spec, pieces).select(wanted))


def outside(file: FileFacts, start: date | None, end: date | None) -> bool:
    """Whether no row of the file can lie in that range of days."""
    first, last = file["min_date"], file["max_date"]
    if first is None or last is None:
        return False
    return (end is not None and first > end.isoformat()) or (start is not None and last < start.isoformat())


def narrow(spec: Spec, table: pa.Table, start: date | None, end: date | None, symbols: Sequence[str] | None) -> pa.Table:
    """The rows of that range of days and of those instruments."""
    if (name := spec.date_column) is not None and (start or end):
        days = table.column(name)
        keep = pc.and_(pc.greater_equal(days, start or date.min), pc.less_equal(days, end or date.max))
        table = table.filter(keep)
    if symbols is not None:
        table = table.filter(pc.is_in(table.column("order_book_id"), pa.array(list(symbols), pa.string())))
    return table


def _sorted(spec: Spec, pieces: list[pa.Table]) -> pa.Table:
    joined = pa.concat_tables(pieces).combine_chunks()
    if len(pieces) == 1:
        return joined
    (found,) = keys.codes([joined], spec.key)
    order = keys.order(found)
    return joined if order is None else joined.take(order)
