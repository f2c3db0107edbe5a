"""The ops of indicator: completed bars, technical and fundamental columns side by side, and both put together and published."""

import pyarrow as pa

from app.definitions import Dataset, OpContext, op
from app.errors import Unavailable
from app.stocks.ids import Symbols
from app.stocks.indicators import parts
from app.stocks.lake.market_lake import market_lake
from app.stocks.ops.complete import check_bars
from app.stocks.ops.validate import known_history


@op(aliases=("load_base_data", "load_base_data_op"))
def load_processed_data(context: OpContext) -> Dataset:
    """The bars as they stand after completion. Raises Unavailable when those of the run's trade date are not there."""
    known_history(context)
    lake = market_lake(context)
    newest = lake.newest_date("daily_bars")
    if context.trade_date is not None and (newest is None or newest < context.trade_date.isoformat()):
        hint = f"openbell run daily_sync_job --date {context.trade_date} brings them"
        raise Unavailable(f"The bars of {context.trade_date} are not in the lake; the newest are those of {newest}.", hint=hint)
    return lake.reference("daily_bars", rows=sum(file["rows"] for file in lake.files("daily_bars")))


@op(aliases=("calculate_technical_indicators", "calculate_technical_indicators_op"), timeout_seconds=3600)
def calc_technical(context: OpContext, data: Dataset, *, symbols: Symbols | None = None) -> pa.Table:
    """The technical columns of every row whose input changed, by key. `symbols` narrows that; the rest stays due."""
    check_bars(data)
    rows, result = parts.part(market_lake(context), "technical", symbols)
    context.metric("symbols", result.symbols)
    return rows


@op(aliases=("calculate_fundamental_indicators", "calculate_fundamental_indicators_op"), timeout_seconds=3600)
def calc_fundamental(context: OpContext, data: Dataset, *, symbols: Symbols | None = None) -> pa.Table:
    """The fundamental columns of the same rows, each value from its known_date on."""
    check_bars(data)
    rows, result = parts.part(market_lake(context), "fundamental", symbols)
    context.metric("symbols", result.symbols)
    return rows


@op(publishes=True, timeout_seconds=3600)
def merge_indicators(
    context: OpContext, technical: pa.Table, fundamental: pa.Table | None = None, *, symbols: Symbols | None = None
) -> Dataset:
    """Put the columns of both parts together, row by row, and publish them as indicators."""
    lake = market_lake(context)
    return lake.reference("indicators", rows=parts.merge(lake, technical, fundamental, symbols))
