"""Rows in the lake's own form: the dictionary's columns and types, sorted by key, one row a key, null instead of NaN.

In this form strings are dictionary-encoded; `plain` gives the form that readers get.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.lake import keys
from app.stocks.schema import PARTITION_ALL, Spec

ENCODED = pa.dictionary(pa.int32(), pa.string())


def form(spec: Spec, columns: list[str] | None = None) -> pa.Schema:
    """The lake's own schema of those columns (all)."""
    names = columns or spec.names
    fields = [spec.arrow.field(name) for name in names]
    return pa.schema([field.with_type(ENCODED) if field.type == pa.string() else field for field in fields])


def plain(spec: Spec, table: pa.Table) -> pa.Table:
    """The same rows with the types that the dictionary names."""
    return table.cast(pa.schema([spec.arrow.field(name) for name in table.column_names]))


def keys_of(spec: Spec, rows: pa.Table) -> pa.Table:
    """The rows' keys in the lake's form, as what takes rows out of the lake needs them."""
    names = list(spec.key)
    return rows.select(names).cast(form(spec, names))


def conform(spec: Spec, frame: Any) -> pa.Table:
    """A pandas or Arrow frame as rows of the dataset, in the lake's form.

    Columns that the frame lacks are null. Raises ValueError, naming the column, for an unknown or missing column, a value
    that does not fit its type, a null where none may be, an infinite number; and naming the row, for a repeated key.
    """
    table = _arrow(spec, frame)
    spec.check_columns(table.column_names)
    columns = [_column(spec, name, table) for name in spec.names]
    table = pa.Table.from_arrays(columns, schema=form(spec)).combine_chunks()
    (found,) = keys.codes([table], spec.key)
    order = keys.order(found)
    if order is not None:
        table, found = table.take(order), found[order]
    twice = keys.first_duplicate(found)
    if twice is not None:
        row = ", ".join(str(value) for value in table.select(list(spec.key)).slice(twice, 1).to_pylist()[0].values())
        raise ValueError(f"{spec.name!r} got more than one row for the key ({row})")
    return table


def _arrow(spec: Spec, frame: Any) -> pa.Table:
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pa.Table):
        return frame
    if set(spec.key) & {name for name in frame.index.names if name}:
        frame = frame.reset_index()
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"rows of {spec.name!r} have a column of mixed types: {error}") from None


def _column(spec: Spec, name: str, table: pa.Table) -> Any:
    field = form(spec, [name]).field(0)
    if name not in table.column_names:
        return pa.nulls(len(table), field.type)
    column = table.column(name)
    try:
        cast = _cast(column, spec.arrow.field(name).type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"column {name!r} of {spec.name!r}: {error}") from None
    if not field.nullable and cast.null_count:
        raise ValueError(f"column {name!r} of {spec.name!r} has {cast.null_count} nulls")
    return cast.dictionary_encode().cast(ENCODED) if field.type == ENCODED else cast


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if pa.types.is_timestamp(column.type) and wanted == pa.date32():
        _check_days(column)
    column = column.cast(wanted)
    if wanted == pa.float64():
        if pc.any(pc.is_inf(column)).as_py():
            raise pa.ArrowInvalid("infinite numbers")
        # -0.0 and 0.0 are one number but two bit patterns, and file names are hashes of bits.
        column = pc.add(column, 0.0)
    return column


def _check_days(column: pa.ChunkedArray) -> None:
    if column.type.tz is not None:
        raise pa.ArrowInvalid("a day bears no time zone")
    if pc.any(pc.not_equal(column, pc.floor_temporal(column, unit="day"))).as_py():
        raise pa.ArrowInvalid("a day bears no time of day")


def split(spec: Spec, table: pa.Table) -> list[tuple[str, pa.Table]]:
    """The rows by partition, each part in key order."""
    if spec.month_of is None:
        return [(PARTITION_ALL, table)] if len(table) else []
    order, cuts = _by_month(table.column(spec.month_of).cast(pa.int32()).to_numpy())
    if len(cuts) == 1:
        return [(cuts[0][0], table)]
    moved = table.take(order)
    return [(month, moved.slice(start, end - start)) for month, start, end in cuts]


def from_numpy(spec: Spec, symbols: list[str], columns: dict[str, Any]) -> list[tuple[str, pa.Table]]:
    """Rows of a dataset keyed by (order_book_id, trade_date) by month, from arrays that stand in key order.

    `order_book_id` holds positions in `symbols`, dates days since 1970; NaN means null. Columns left out are null. Float
    arrays are given away: their negative zeros become plain ones, as in `conform`.
    """
    order, cuts = _by_month(columns["trade_date"])
    several = len(cuts) > 1
    ids = pa.array(symbols, pa.string())
    arrays = []
    for field in form(spec):
        values = columns.get(field.name)
        if values is None:
            arrays.append(pa.nulls(len(order), field.type))
            continue
        if several:
            # Gathered before they become Arrow: its `take` is five times slower on columns with nulls.
            values = values[order]
        if field.name == "order_book_id":
            arrays.append(pa.DictionaryArray.from_arrays(values.astype(np.int32, copy=False), ids))
        elif field.type == pa.date32():
            arrays.append(pa.array(values, pa.int32(), from_pandas=True).cast(pa.date32()))
        elif field.type == pa.float64():
            arrays.append(_floats(values))
        else:
            arrays.append(pa.array(values, field.type, from_pandas=True))
    table = pa.Table.from_arrays(arrays, schema=form(spec))
    return [(month, table.slice(start, end - start)) for month, start, end in cuts]


def _floats(values: npt.NDArray[np.float64]) -> pa.Array:
    """The values with null for NaN, without a copy; ten times faster than Arrow's own conversion."""
    values += 0.0
    known = ~np.isnan(values)
    bits = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(pa.float64(), len(values), [bits, pa.py_buffer(values)])


def _by_month(days: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.intp], list[tuple[str, int, int]]]:
    """The order that brings rows together by month and keeps it within, and each month's first row and end in it."""
    if not len(days):
        return np.zeros(0, dtype=np.intp), []
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first = int(months.min())
    if first == int(months.max()):
        return np.arange(len(days)), [(str(np.datetime64(first, "M")), 0, len(days))]
    numbers = (months - first).astype(np.int16)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers)).tolist()
    cuts = zip([0, *ends[:-1]], ends, strict=True)
    names = (str(np.datetime64(first + number, "M")) for number in range(len(ends)))
    return order, [(name, start, end) for name, (start, end) in zip(names, cuts, strict=True) if end > start]
