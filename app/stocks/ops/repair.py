"""refetch: a trade date once more from the source; and what a repair of it would touch."""

from datetime import date
from typing import Any

from app.definitions import Dataset, OpContext, RetryPolicy, op, query
from app.definitions.names import suggestion
from app.errors import Invalid
from app.stocks import gaps
from app.stocks.ids import Symbols, canonical
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.ops.load import load_market_data


@op(retry=RetryPolicy(max_retries=3, delay=60, retry_on=("SourceBusy",)))
def refetch(context: OpContext, *, symbols: Symbols | None = None) -> Dataset:
    """Stage the run's trade date as the source has it now. Raises Invalid for a run without one: that would be all history."""
    if context.trade_date is None:
        raise Invalid("a repair is of one trade date", hint="openbell repair --date 2026-11-20")
    found: Dataset = load_market_data(context, symbols=symbols, refetch=True)
    return found


@query
def repair_plan(context: Any, *, trade_date: date, symbols: list[str] | None = None) -> dict[str, Any]:
    """What a repair of that day may touch at most, dataset by dataset: rows, first and last date, partitions.

    `history_from` and `ready_through`: between which days the lake was filled, null while it has no bars. `unknown`: those of
    the symbols that are none, by their place.
    """
    lake = market_lake(context)
    said = lake.facts("daily_bars")
    known = gaps.Roll.of(lake.read("instruments")).ids
    meant = [canonical(one) or one for one in symbols] if symbols is not None else None
    unknown = [
        {"place": place, "symbol": one, "near": suggestion(one, known)}
        for place, one in enumerate(meant or [])
        if one not in set(known)
    ]
    held = {"history_from": said.get("history_from"), "ready_through": said.get("ready_through"), "unknown": unknown}
    if unknown or "ready_through" not in said:
        return {**held, "symbols": meant, "instruments": 0, "datasets": []}
    touched = [
        _touched(lake, "daily_bars", trade_date, trade_date, meant),
        _touched(lake, "indicators", trade_date, None, meant),
        # Of every instrument: whoever's indicator moves takes or gives a rank.
        _touched(lake, "scores", trade_date, None, None),
    ]
    return {**held, "symbols": meant, "instruments": len(known if meant is None else set(meant)), "datasets": touched}


def _touched(lake: MarketLake, dataset: str, start: date, end: date | None, symbols: list[str] | None) -> dict[str, Any]:
    """Month by month, a whole one from what its file says of itself."""
    rows, days, partitions = 0, [], []
    for file in lake.files(dataset):
        first, last = (date.fromisoformat(text) for text in (file["min_date"] or "9999-12-31", file["max_date"] or "0001-01-01"))
        if last < start or (end is not None and first > end):
            continue
        count = file["rows"]
        if symbols is not None or first < start or (end is not None and last > end):
            inside = lake.read(
                dataset, columns=["trade_date"], start=max(first, start), end=min(last, end or last), symbols=symbols
            )
            count, found = inside.num_rows, inside.column("trade_date").unique().to_pylist()
            first, last = (min(found), max(found)) if found else (first, last)
        if count:
            rows += count
            days += [first, last]
            partitions.append(file["partition"])
    ends = {"first_date": min(days).isoformat(), "last_date": max(days).isoformat()} if days else {}
    return {"dataset": dataset, "rows": rows, "first_date": None, "last_date": None, **ends, "partitions": partitions}
