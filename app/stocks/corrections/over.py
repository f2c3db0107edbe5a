"""Putting corrections over rows. They are few and the rows are many: what is not of a corrected instrument is passed by."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import Lake
from app.stocks import bar_keys, dictionary
from app.stocks.arrays import Flags, Ints
from app.stocks.corrections.values import text, value_of

NAME = "corrections"


def over(lake: Lake, dataset: str, delivered: pa.Table) -> pa.Table:
    """What a source delivered of the dataset, with the corrections over it; what it says there now is kept with them."""
    standing = of(lake, dataset)
    if not standing.num_rows or not delivered.num_rows:
        return delivered
    if (said := _said(dataset, delivered, standing)).num_rows:
        lake.stage(NAME, said)
    return applied(dataset, delivered, standing)


def of(lake: Lake, dataset: str, **narrow: Any) -> pa.Table:
    """The corrections of that dataset. `narrow`: start, end, symbols."""
    every = lake.read(NAME, **narrow)
    return every.filter(pc.equal(every.column("dataset"), dataset))


def applied(dataset: str, rows: pa.Table, corrections: pa.Table) -> pa.Table:
    """The rows with those corrections in place of their values."""
    for column, right, at, which in _columns(dataset, rows, corrections):
        old = _column(rows, column.name, column.arrow.type)
        mask = np.zeros(rows.num_rows, dtype=bool)
        mask[at] = True
        values = pa.array([right[one] for one in which], column.arrow.type)
        new = pc.replace_with_mask(old, pa.array(mask), values)
        place = rows.schema.get_field_index(column.name)
        rows = rows.append_column(column.name, new) if place < 0 else rows.set_column(place, column.name, new)
    return rows


def _said(dataset: str, delivered: pa.Table, standing: pa.Table) -> pa.Table:
    """The corrections of which the source says something else than when it last came."""
    before = standing.column("replaced").to_pylist()
    after = list(before)
    names = standing.column("column").to_pylist()
    places = {name: [at for at, one in enumerate(names) if one == name] for name in set(names)}
    for column, _, at, which in _columns(dataset, delivered, standing):
        values = _column(delivered, column.name, column.arrow.type).take(pa.array(at)).to_pylist()
        # Of a row that came twice the first counts.
        for value, one in reversed(list(zip(values, which, strict=True))):
            after[places[column.name][one]] = text(value)
    differs = [old != new for old, new in zip(before, after, strict=True)]
    place = standing.schema.get_field_index("replaced")
    return standing.set_column(place, "replaced", pa.array(after, pa.string())).filter(pa.array(differs))


def _columns(dataset: str, rows: pa.Table, corrections: pa.Table) -> Iterator[tuple[Any, list[Any], Ints, Ints]]:
    """Column by column: its entry, the right values, which rows they are for, and which of the values each row gets."""
    spec = dictionary.get(dataset)
    ids = pc.unique(corrections.column("order_book_id"))
    near = np.flatnonzero(pc.is_in(rows.column("order_book_id"), ids).to_numpy(zero_copy_only=False))
    few = rows.select(["order_book_id", "trade_date"]).take(pa.array(near))
    for name in pc.unique(corrections.column("column")).to_pylist():
        column = spec.by_name[name]
        own = corrections.filter(pc.equal(corrections.column("column"), name))
        which = _places(few, own, ids.to_pylist())
        found: Flags = which >= 0
        right = [value_of(column, one) for one in own.column("value").to_pylist()]
        yield column, right, near[found], which[found]


def _places(rows: pa.Table, keys: pa.Table, ids: list[str]) -> Ints:
    """Which of the keys each row has; -1 for none."""
    wanted, own = bar_keys.numbers(ids, keys), bar_keys.numbers(ids, rows)
    order = np.argsort(wanted)
    at = np.minimum(np.searchsorted(wanted[order], own), len(wanted) - 1)
    return np.where(wanted[order][at] == own, order[at], -1)


def _column(rows: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    column = rows.column(name) if name in rows.column_names else pa.nulls(rows.num_rows, kind)
    column = column.cast(kind)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
