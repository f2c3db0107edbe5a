"""The ops of morning_pipeline and evening_pipeline: bars brought up to date, and what is kept from the one for the other."""

from datetime import date
from typing import Annotated, cast

from pydantic import Field

from app.definitions import Dataset, OpContext, RetryPolicy, op
from app.definitions.lake import StagedFile
from app.errors import Invalid
from app.stocks.ids import Symbols
from app.stocks.indicators import calculate as indicators_of
from app.stocks.intake.window import LOOKBACK_SESSIONS
from app.stocks.lake import handover
from app.stocks.lake.handover import Handover
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.quality.gate import MIN_COVERAGE


@op(retry=RetryPolicy(max_retries=3, delay=60, retry_on=("SourceBusy",)), timeout_seconds=3600)
def sync_and_complete(
    context: OpContext,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
    refetch: bool = False,
    lookback_sessions: Annotated[int, Field(ge=1)] = LOOKBACK_SESSIONS,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
) -> Dataset:
    """What sync_data and complete_data do, in one step: stage what the lake lacks, and what it should have had; then judge it."""
    given = {"start_date": start_date, "end_date": end_date, "symbols": symbols}
    loaded = load_market_data(context, **given, refetch=refetch)
    found: Dataset = complete_data(context, loaded, **given, lookback_sessions=lookback_sessions, min_coverage=min_coverage)
    return found


@op(tags={"effects": "keeps a hand-over for another run"})
def save_temp(
    context: OpContext,
    indicators: Annotated[Dataset, "indicators"],
    *,
    keep_days: Annotated[int, Field(ge=1, le=365)] = 7,
) -> Dataset:
    """Keep everything that the run staged for load_temp, by trade date and for so many days; nothing is published.

    The newest hand-over of a trade date counts. A run without a trade date keeps it for the newest day of its indicators.
    """
    lake = market_lake(context)
    files = _whole(lake)
    handover.expire(context.data_dir, context.now())
    made = handover.save(context.data_dir, _day(context, lake), files, run=context.run_id, now=context.now(), keep_days=keep_days)
    context.metric("handover", made.number)
    context.metric("handover_files", len(files))
    context.metric("handover_bytes", sum(file["bytes"] for file in files))
    context.log.info(
        f"Handed over {len(files)} files for {made.trade_date}", number=made.number, until=made.expires_at.isoformat()
    )
    return indicators


@op(timeout_seconds=3600, tags={"effects": "takes a hand-over of another run"})
def load_temp(context: OpContext) -> Dataset:
    """Stage what save_temp kept for the run's trade date, on what is published now. Unavailable when there is nothing.

    Where another run published bars or fundamentals meanwhile, the indicators that stood on the older ones are calculated again.
    """
    lake = market_lake(context)
    found, left = _take(context, lake)
    if "indicators" in left:
        context.log.info("Other runs published since the hand-over was made: its indicators are calculated again")
        indicators_of.calculate(lake)
    handover.mark_taken(found, run=context.run_id, now=context.now())
    context.metric("handover", found.number)
    context.metric("handover_run", found.run)
    context.metric("handover_files", len(found.files))
    rows = sum(file["rows"] for file in lake.files("indicators"))
    return lake.reference("indicators", rows=rows)


@op(tags={"effects": "takes hand-overs away"})
def cleanup_temp(context: OpContext, saved: Annotated[Dataset, "scores"] | None = None) -> None:
    """Take away hand-overs whose time is over and, after what was `saved`, the one of the run's trade date that was taken.

    One that a later morning left meanwhile stays. Without `saved`, as where nothing stands before it, none that still holds
    is touched: it may not have been read yet.
    """
    gone = handover.expire(context.data_dir, context.now())
    day = handover.last_taken(context.data_dir) if context.trade_date is None else context.trade_date
    if saved is not None and day is not None:
        gone += handover.clean(context.data_dir, day)
    context.metric("record_count", gone)


def _whole(lake: MarketLake) -> list[StagedFile]:
    """What is staged, each dataset's last file with all that was noted of it."""
    publication = lake.publication()
    last = {file["dataset"]: at for at, file in enumerate(publication["files"])}
    bare = [cast(StagedFile, {name: said for name, said in file.items() if name != "notes"}) for file in publication["files"]]
    for dataset, at in last.items():
        if notes := publication["datasets"][dataset]:
            bare[at]["notes"] = notes
    return bare


def _take(context: OpContext, lake: MarketLake) -> tuple[Handover, set[str]]:
    before = lake.facts("daily_bars").get("ready_through") or ""
    while True:
        found = handover.newest(context.data_dir, context.trade_date, context.now())
        try:
            handover.bring_back(context.data_dir, found)
        except FileNotFoundError:
            # A newer one replaced it while it was read.
            if handover.newest(context.data_dir, context.trade_date, context.now()).number != found.number:
                continue
            raise
        left = lake.take_over(found.files)
        if before > (lake.facts("daily_bars").get("ready_through") or ""):
            lake.note("daily_bars", ready_through=before)
        return found, left


def _day(context: OpContext, lake: MarketLake) -> date:
    if context.trade_date is not None:
        return context.trade_date
    newest = lake.newest_date("indicators")
    if newest is None:
        raise Invalid("There are no indicators to hand over.", hint="feed save_temp from calculate_indicators")
    return date.fromisoformat(newest)
