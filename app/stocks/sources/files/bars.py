"""One delivery of bars in canonical columns: suspended days, sentinels for "no limit", factors from reference prices."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys, calendar
from app.stocks.arrays import Floats
from app.stocks.sources.files.convert import Columns

PRICES = ("open", "high", "low", "close")
_OPTIONAL = ("prev_close", "total_turnover", "turnover_rate", "adj_factor", "split_factor", "limit_up", "limit_down")
# Vendors write 99999.99 or 100000 for no upper limit, and 0 for no lower one.
_NO_UPPER = 9999
# An ex-date cuts the price: bonus shares at most to a ninth. Anything else is a wrong price, and must not bend what follows.
_LEAST_CUT, _LARGEST_CUT = 0.9, 11.0


def convert(columns: Columns) -> pa.Table:
    """One file's rows in canonical columns; suspended rows still hold what the vendor repeated (see `settle`)."""
    ids = columns.order_book_ids("order_book_id")
    made = {"order_book_id": ids, "trade_date": columns.days("trade_date")}
    made |= {name: columns.numbers(name) for name in PRICES}
    made["volume"] = columns.shares("volume")
    for name in _OPTIONAL:
        made[name] = columns.numbers(name) if name in columns else pa.nulls(len(ids), pa.float64())
    if "trade_status" in columns and "is_suspended" not in columns:
        flag = columns.not_trading("trade_status")
    else:
        flag = columns.flags("is_suspended") if "is_suspended" in columns else pa.nulls(len(ids), pa.bool_())
    made["is_suspended"] = _suspended(made, flag)
    made["is_st"] = columns.flags("is_st") if "is_st" in columns else pa.nulls(len(ids), pa.bool_())
    return pa.table(made)


def _suspended(made: dict[str, pa.Array], flag: pa.Array) -> pa.Array:
    """No trade, and either no movement or the vendor's word for it. A row with volume traded, whatever the flag says."""
    idle = pc.equal(pc.fill_null(made["volume"], 0), 0)
    # Some vendors write zeros, some nulls, some the last close for the prices of a day without trading.
    own = [pc.if_else(pc.equal(made[name], 0), pa.scalar(None, pa.float64()), made[name]) for name in PRICES]
    spread = pc.subtract(pc.max_element_wise(*own), pc.min_element_wise(*own))
    still = pc.fill_null(pc.equal(spread, 0), True)
    return pc.and_(idle, pc.or_(still, pc.fill_null(flag, False)))


def settle(table: pa.Table, sessions: Sequence[date]) -> pa.Table:
    """The whole delivery, sorted by key, with factors where reference prices tell them and nulls where nobody traded."""
    table = bar_keys.in_order(table)
    if not table.column("adj_factor").null_count < len(table) and table.column("prev_close").null_count < len(table):
        table = _put(table, "adj_factor", pa.array(factors(table, sessions)))
    resting = table.column("is_suspended")
    none = pa.scalar(None, pa.float64())
    for name in (*PRICES, "prev_close", "limit_up", "limit_down"):
        table = _put(table, name, pc.if_else(resting, none, table.column(name)))
    table = _put(table, "volume", pc.if_else(resting, pa.scalar(0, pa.int64()), table.column("volume")))
    upper, lower = table.column("limit_up"), table.column("limit_down")
    table = _put(table, "limit_up", pc.if_else(pc.greater(upper, _NO_UPPER), none, upper))
    return _put(table, "limit_down", pc.if_else(pc.less_equal(lower, 0), none, lower))


def factors(table: pa.Table, sessions: Sequence[date]) -> Floats:
    """Cumulative product of (last close / reference price) per instrument, 1 on its first row.

    Only between rows of neighbouring sessions: across a lost day the reference price belongs to a close that nobody knows.
    """
    code = table.column("order_book_id").combine_chunks().dictionary_encode().indices.to_numpy()
    day = bar_keys.days(table)
    close, prev = (table.column(name).to_numpy() for name in ("close", "prev_close"))
    first = np.concatenate([[True], (code[1:] != code[:-1]) | (day[1:] != day[:-1])])
    # Of rows with one key the first speaks; the others get its factor.
    rows = np.flatnonzero(first)
    place = np.searchsorted(calendar.day_numbers(sessions), day[rows])
    ratio = np.ones(len(rows))
    last_close = close[rows][:-1]
    neighbours = (code[rows][1:] == code[rows][:-1]) & (place[1:] - place[:-1] == 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = last_close / prev[rows][1:]
        plausible = neighbours & (np.abs(last_close - prev[rows][1:]) > 0.0005) & (cut > _LEAST_CUT) & (cut < _LARGEST_CUT)
    ratio[1:] = np.where(plausible, cut, 1.0)
    made = np.ones(len(rows))
    begins = np.flatnonzero(np.concatenate([[True], code[rows][1:] != code[rows][:-1]]))
    for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
        made[begin:end] = np.cumprod(ratio[begin:end])
    result: Floats = made[np.cumsum(first) - 1]
    return result


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)
