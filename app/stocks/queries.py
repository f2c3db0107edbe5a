"""What a face may ask of the lake: what its columns mean, and rows of a dataset at the newest snapshot."""

from datetime import date
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from app.definitions import query
from app.stocks import dictionary
from app.stocks.ids import Symbols
from app.stocks.lake.market_lake import market_lake


@query
def data_dictionary() -> list[dict[str, Any]]:
    """Every dataset and every column: key, type, unit, meaning in English and Chinese, formula."""
    return [spec.as_dict() for spec in dictionary.DATASETS.values()]


@query
def dataset_rows(
    context: Any,
    *,
    dataset: str,
    columns: list[str] | None = None,
    symbols: Symbols | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
) -> pa.Table:
    """Rows of a dataset as Arrow, sorted by its key; dates from start_date to end_date, both included."""
    lake = market_lake(context)
    table: pa.Table = lake.read(dataset, columns=columns, symbols=symbols, start=start_date, end=end_date)
    return table


@query
def dataset_preview(context: Any, *, dataset: str, limit: Annotated[int, Field(ge=1, le=1000)] = 20) -> list[dict[str, Any]]:
    """Rows of the dataset's newest date as JSON, the first by key; of one without dates its first rows."""
    lake = market_lake(context)
    day = date.fromisoformat(newest) if (newest := lake.newest_date(dataset)) else None
    rows: list[dict[str, Any]] = lake.read(dataset, start=day, end=day).slice(0, limit).to_pylist()
    return rows
