"""Ops over daily bars: plain functions, and nothing that knows of HTTP, queues or processes."""

from datetime import date
from typing import Annotated, NamedTuple

import pandas as pd
import pyarrow as pa
from pydantic import Field

from app.definitions import Dataset, OpContext, RetryPolicy, op

COLUMNS = ["order_book_id", "trade_date", "close", "limit_up", "total_turnover"]


class ByLimit(NamedTuple):
    """Two outputs by name. The second is optional: on most days of a quiet market it is left out."""

    tradable: pd.DataFrame
    at_limit: pd.DataFrame | None


@op
def recent_bars(context: OpContext, bars: Dataset, *, days: Annotated[int, Field(ge=1, le=250)] = 20) -> pa.Table:
    """The columns and days that are needed, read from the lake as this run sees it.

    `bars` is a reference, so nothing has been read yet. Annotated as a frame it would arrive as one, with all its history.
    """
    latest = context.trade_date or _last_day(context, bars)
    sessions = [day for day in context.sessions() if day <= latest][-days:]
    if not sessions:
        raise ValueError(f"no session is known up to {latest}")
    return context.lake.read(bars.name, columns=COLUMNS, start=sessions[0], end=latest)


def _last_day(context: OpContext, bars: Dataset) -> date:
    days = context.lake.read(bars.name, columns=["trade_date"]).column("trade_date")
    if not len(days):
        raise ValueError(f"{bars.name} is empty")
    latest: date = max(days.unique().to_pylist())
    return latest


@op(retry=RetryPolicy(max_retries=3, delay=60), tags={"importance": "critical"})
def keep_liquid(
    context: OpContext, bars: pd.DataFrame, *, min_total_turnover: Annotated[float, Field(ge=0)] = 1e7
) -> pd.DataFrame:
    """The bars of names whose median daily turnover is at least `min_total_turnover` CNY. A suspended day counts as none."""
    median = bars["total_turnover"].fillna(0).groupby(bars["order_book_id"]).median()
    liquid = median.index[median >= min_total_turnover]
    context.metric("names", len(median))
    context.metric("liquid_names", len(liquid))
    return bars[bars["order_book_id"].isin(liquid)].reset_index(drop=True)


@op
def split_by_limit(bars: pd.DataFrame) -> ByLimit:
    """The last day's bars: those that can be bought, and those that closed at their upper limit."""
    last = bars[bars["trade_date"] == bars["trade_date"].max()]
    at_limit = last["close"] >= last["limit_up"]
    return ByLimit(tradable=last[~at_limit], at_limit=last[at_limit] if at_limit.any() else None)


@op
def rank_by_turnover(bars: pd.DataFrame, *, top: Annotated[int, Field(ge=1, le=500)] = 20) -> dict[str, float]:
    """The names with the highest turnover, CNY: a value, which is stored with the step and shown with the run."""
    highest = bars.dropna(subset=["total_turnover"]).nlargest(top, "total_turnover")
    return dict(zip(highest["order_book_id"].tolist(), highest["total_turnover"].tolist(), strict=True))


@op
def list_at_limit(context: OpContext, bars: pd.DataFrame) -> list[str]:
    """The names that closed at their limit. Not run at all on a day that has none."""
    names = sorted(str(name) for name in bars["order_book_id"])
    context.log.warning("closed at their upper limit", names=names)
    return names
