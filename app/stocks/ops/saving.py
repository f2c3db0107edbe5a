"""Ops that end a pipeline: what the run staged becomes a snapshot that readers see."""

from typing import Annotated

from app.definitions import Dataset, OpContext, op
from app.stocks.lake.market_lake import market_lake


@op(publishes=True)
def save_results(context: OpContext, scores: Annotated[Dataset, "scores"]) -> Dataset:
    """Publish everything that the run staged, as one snapshot: Parquet under `current/`, and `market.duckdb` over it."""
    files = market_lake(context).staged()
    datasets = sorted({file["dataset"] for file in files})
    context.metric("files", len(files))
    if files:
        context.log.info(f"Publishing {', '.join(datasets)}", files=len(files), bytes=sum(file["bytes"] for file in files))
    else:
        context.log.info("Nothing changed, so nothing is published")
    return scores
