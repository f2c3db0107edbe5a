"""Rows that were kept out, as the dataset `quarantine` holds them, and as the rows that they were."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import Lake
from app.stocks import dictionary
from app.stocks.dictionary.market import OVERRIDDEN

BARS = "daily_bars"


def rows(kept_out: pa.Table) -> pa.Table:
    """Those of them that are bars, as rows of daily_bars in the form in which they came."""
    schema = dictionary.get(BARS).arrow
    texts = kept_out.filter(pc.equal(kept_out.column("dataset"), BARS)).column("row").to_pylist()
    read = [json.loads(text) for text in texts]
    # Numbers that JSON has no word for were written as text: nan, inf.
    columns = [pa.array([_as(field.type, row.get(field.name)) for row in read], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def let_in(lake: Lake) -> frozenset[str]:
    """The fingerprints of rows that a person let in."""
    return frozenset(overridden(lake).column("fingerprint").to_pylist())


def overridden(lake: Lake, **narrow: Any) -> pa.Table:
    """The rows that were kept out until a person let them in. `narrow`: start, end, symbols."""
    if not lake.facts("quarantine").get(OVERRIDDEN):
        return dictionary.get("quarantine").arrow.empty_table()
    every = lake.read("quarantine", **narrow)
    return every.filter(pc.is_valid(every.column("overridden_at")))


def _as(kind: pa.DataType, value: Any) -> Any:
    if isinstance(value, str) and pa.types.is_floating(kind):
        return float(value)
    return pa.scalar(value).cast(kind).as_py() if value is not None and pa.types.is_date(kind) else value
