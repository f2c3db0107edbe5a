"""check_known_dates: no value of a run is one that nobody knew on its day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from app.definitions import Dataset, OpContext, op
from app.errors import Invalid
from app.stocks.indicators import known
from app.stocks.lake.market_lake import MarketLake, market_lake


@op
def check_known_dates(context: OpContext, data: Any) -> Any:
    """Hand the input on, unless it uses a fundamental value before its known_date: then UsedTooEarly, and nothing is published.

    Rows with trade_date and known_date say so themselves. Rows with order_book_id, trade_date and fundamental columns of the
    indicators (`earnings_yield`, ...), and the indicators that this run staged, are held against the lake: of more than six dates
    a sample.
    """
    lake = market_lake(context)
    if isinstance(data, Dataset):
        rows = _staged(lake, context.sessions())
    elif isinstance(data, pa.Table):
        rows = data.select([name for name in data.column_names if name in _READ]).to_pandas()
    elif isinstance(data, pd.DataFrame):
        rows = data.reset_index() if "trade_date" in data.index.names else data
    else:
        raise Invalid(f"a {type(data).__name__} has no rows to look at", hint="feed it indicators or a frame")
    if "trade_date" not in rows.columns:
        raise Invalid("the rows have no trade_date, so nothing can be told of them")
    if len(rows) and isinstance(rows["trade_date"].iloc[0], pd.Timestamp):
        rows = rows.assign(trade_date=rows["trade_date"].dt.date)
    judged = known.check_frame(rows) if "known_date" in rows.columns else known.check_values(lake, rows)
    context.metric("rows_judged", judged)
    return data


_READ = {"order_book_id", "trade_date", "known_date", *known.COLUMNS}


def _staged(lake: MarketLake, sessions: Sequence[date]) -> pd.DataFrame:
    """The fundamental columns of a sample of the dates whose indicators this run staged."""
    months = [file for file in lake.staged() if file["dataset"] == "indicators" and file["rows"]]
    spans = [(file["min_date"] or "", file["max_date"] or "") for file in months]
    days = [day for day in sessions if any(first <= day.isoformat() <= last for first, last in spans)]
    columns = ["order_book_id", "trade_date", *known.COLUMNS]
    frames = [lake.read("indicators", columns=columns, start=day, end=day) for day in known.sample(lake, days)]
    return pa.concat_tables(frames).to_pandas() if frames else pd.DataFrame(columns=columns)
