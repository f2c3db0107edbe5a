"""Whole runs of the intake ops over a bench."""

from typing import Any

import pyarrow as pa

from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.ops.validate import validate_data_quality
from tests.stocks.op_context import Bench, Context


def go(bench: Bench, *, validate: bool = False, facts: dict[str, Any] | None = None, **params: Any) -> tuple[Context, str]:
    """One run: load, then complete or validate, then publish."""
    context = bench.run(**(facts or {}))
    loaded = load_market_data(context, **params)
    days = {name: params[name] for name in ("start_date", "end_date", "symbols") if name in params}
    if validate:
        validate_data_quality(context, loaded, **days)
    else:
        complete_data(context, loaded, **days)
    return context, bench.publish(context)


def bars(bench: Bench, **narrow: Any) -> pa.Table:
    return bench.run().lake.read("daily_bars", **narrow)


def kept_out(bench: Bench) -> int:
    return sum(bench.run().lake.read("quarantine").column("occurrences").to_pylist())
