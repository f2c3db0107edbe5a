"""Fundamentals that a file of bars bears beside its prices: yields from ratios, known on the day whose close they use."""

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.sources.files.convert import Columns

_RATIOS = {"earnings_yield": "pe_ttm", "book_yield": "pb", "sales_yield": "ps_ttm"}


def convert(columns: Columns, keys: pa.Table) -> pa.Table | None:
    """The rows that say something of a company's value; None for a file without such columns."""
    if not any(name in columns for name in (*_RATIOS.values(), "market_cap")):
        return None
    rows = keys.num_rows
    day = keys.column("trade_date")
    made = {"order_book_id": keys.column("order_book_id"), "trade_date": day, "known_date": day}
    for name, ratio in _RATIOS.items():
        made[name] = _inverse(columns.numbers(ratio)) if ratio in columns else pa.nulls(rows, pa.float64())
    quotient = pc.divide(made["earnings_yield"], made["book_yield"])
    made["roe_ttm"] = pc.if_else(pc.is_finite(quotient), quotient, pa.scalar(None, pa.float64()))
    made["market_cap"] = columns.numbers("market_cap") if "market_cap" in columns else pa.nulls(rows, pa.float64())
    says = [pc.is_valid(made[name]) for name in (*_RATIOS, "market_cap")]
    anything = pc.or_(pc.or_(says[0], says[1]), pc.or_(says[2], says[3]))
    return pa.table(made).filter(anything)


def _inverse(ratio: pa.Array) -> pa.Array:
    # A ratio of nought is a vendor's word for none.
    usable = pc.and_(pc.is_finite(ratio), pc.not_equal(ratio, 0))
    return pc.divide(1.0, pc.if_else(usable, ratio, pa.scalar(None, pa.float64())))
