"""Rows as bytes in the forms in which they are asked for: JSON, CSV, an Arrow stream, a Parquet file."""

import io
import json
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

Form = Literal["json", "csv", "arrow", "parquet"]

_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""With what an Arrow IPC stream ends (the format's "EOS": a continuation mark and no length)."""


def encode(rows: pa.Table, form: Form, *, first: bool = True, last: bool = True) -> bytes:
    """The rows; null where a number is none. Parts of one CSV or Arrow stream follow each other: the first one bears its
    header, the last one its end. JSON is a list of objects, days as 2026-11-20.
    """
    rows = _without_nan(rows)
    if form == "json":
        return _json(rows)
    if form == "csv":
        return _csv(rows, header=first)
    if form == "arrow":
        parts = [rows.schema.serialize()] if first else []
        parts += [batch.serialize() for batch in rows.to_batches() if batch.num_rows]
        return b"".join(memoryview(part) for part in parts) + (_END_OF_STREAM if last else b"")
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _csv(rows: pa.Table, *, header: bool) -> bytes:
    try:
        return _written(rows, header, "none")
    except pa.ArrowInvalid:
        # A text with a comma or a quote: then every text is quoted.
        return _written(rows, header, "needed")


def _written(rows: pa.Table, header: bool, quoting: Literal["none", "needed"]) -> bytes:
    sink = io.BytesIO()
    pacsv.write_csv(rows, sink, pacsv.WriteOptions(include_header=header, quoting_style=quoting, quoting_header="none"))
    return sink.getvalue()


def _json(rows: pa.Table) -> bytes:
    return json.dumps(rows.to_pylist(), default=_day, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _day(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not in the dictionary")


def _without_nan(rows: pa.Table) -> pa.Table:
    # The lake holds none, but what is computed on the way out may: 0 / 0, or a product that overflows.
    for at, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type):
            values = rows.column(at)
            finite = pc.is_finite(values)
            if not pc.all(finite, min_count=0).as_py():
                rows = rows.set_column(at, field, pc.if_else(finite, values, pa.scalar(None, field.type)))
    return rows
