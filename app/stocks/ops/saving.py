"""Ops that end a pipeline: what the run staged becomes a snapshot that readers see."""

from typing import Annotated

from app.definitions import Dataset, OpContext, op
from app.errors import Unavailable
from app.stocks.lake.market_lake import market_lake

_SAME = ("save_to_parquet", "save_to_duckdb", "save_to_storage", "save_final")
"""One publication is all of these."""


@op(publishes=True, aliases=(*_SAME, *(f"{name}_op" for name in _SAME)))
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


@op
def update_metadata(
    context: OpContext, parquet: Annotated[Dataset, "scores"] | None = None, duckdb: Annotated[Dataset, "scores"] | None = None
) -> None:
    """Make sure that readers see the newest snapshot: its view, `current` and the metadata of `market.duckdb`; report what it is.

    A publication makes its view itself; one that was killed in between is caught up here. Raises Unavailable when it cannot be.
    """
    lake = market_lake(context)
    number = lake.show()
    if number is None:
        raise Unavailable("Readers do not see the newest snapshot: its view could not be made.", hint="the log says why")
    context.metric("snapshot", number)
    context.metric("newest_scores", lake.newest_date("scores"))
    rows = sum(file["rows"] for file in lake.files("scores"))
    context.metric("score_rows", rows)
    context.metric("record_count", rows)
