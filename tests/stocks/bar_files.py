"""Files of bars as vendors write them."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]


def row(day: str = "2026-01-05", one: str = "600000.XSHG", **values: Any) -> Row:
    made = {"order_book_id": one, "trade_date": day, "open": 10.0, "high": 10.2, "low": 9.9, "close": 10.1, "volume": 1000}
    return made | values


def write(path: Path, rows: list[Row], **renamed: str) -> Path:
    """A CSV or Parquet file of the rows, columns under other names."""
    names = list(dict.fromkeys(name for one in rows for name in one))
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([renamed.get(name, name) for name in names])
            writer.writerows([["" if one.get(name) is None else one[name] for name in names] for one in rows])
    else:
        table = pa.Table.from_pylist(rows)
        pq.write_table(table.rename_columns([renamed.get(name, name) for name in table.column_names]), path)
    return path
