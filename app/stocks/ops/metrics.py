"""collect_metrics: what passes through a pipeline at a place of its author's choice."""

from typing import Any

from app.definitions import Dataset, OpContext, op
from app.stocks.lake.market_lake import market_lake


@op
def collect_metrics(context: OpContext, data: Any) -> Any:
    """Hand the input on as it is; of a dataset report its rows, bytes, files and newest date beside every step's own metrics."""
    if isinstance(data, Dataset):
        lake = market_lake(context)
        files = lake.files(data.name)
        context.metric("dataset", data.name)
        context.metric("dataset_rows", sum(file["rows"] for file in files))
        context.metric("dataset_bytes", sum(file["bytes"] for file in files))
        context.metric("dataset_files", len(files))
        context.metric("newest_date", lake.newest_date(data.name))
    return data
