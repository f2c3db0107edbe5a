"""Files that stand beside bars: corporate actions, changed codes, and what is known of instruments."""

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.sources.files.convert import Columns


def actions(columns: Columns) -> pa.Table:
    """Dividends and splits in canonical columns, one row a key; a plan without an ex-date is none yet."""
    rows = len(columns)
    cash = columns.numbers("cash_dividend") if "cash_dividend" in columns else pa.nulls(rows, pa.float64())
    if "split_ratio" in columns:
        split = columns.numbers("split_ratio")
    else:
        given = columns.numbers("new_shares") if "new_shares" in columns else pa.nulls(rows, pa.float64())
        split = pc.add(pc.fill_null(given, 0.0), 1.0)
    table = pa.table(
        {
            "order_book_id": columns.order_book_ids("order_book_id"),
            "ex_date": columns.days("ex_date", optional=True),
            "cash_dividend": pc.fill_null(cash, 0.0),
            "split_ratio": pc.fill_null(split, 1.0),
        }
    )
    table = table.filter(pc.is_valid(table.column("ex_date")))
    # The same plan comes once for each of its stages: what differs, the largest, is the one that was decided last.
    names = ["cash_dividend", "split_ratio"]
    found = table.group_by(["order_book_id", "ex_date"]).aggregate([(name, "max") for name in names])
    return found.select(["order_book_id", "ex_date", *(f"{name}_max" for name in names)]).rename_columns(
        ["order_book_id", "ex_date", *names]
    )


def changes(columns: Columns) -> pa.Table:
    """Codes that changed, as the exchanges wrote them."""
    return pa.table(
        {
            "old_id": columns.order_book_ids("old_id", current=False),
            "order_book_id": columns.order_book_ids("order_book_id"),
            "from_date": columns.days("from_date"),
        }
    )


def instruments(columns: Columns) -> pa.Table:
    """What a file tells of instruments: a row for each period, or for each instrument; null where it is silent."""
    ids = columns.order_book_ids("order_book_id")

    def days(name: str) -> pa.Array:
        return columns.days(name, optional=True) if name in columns else pa.nulls(len(ids), pa.date32())

    def text(name: str) -> pa.Array:
        return columns.text(name) if name in columns else pa.nulls(len(ids), pa.string())

    return pa.table(
        {
            "order_book_id": ids,
            "valid_from": days("valid_from"),
            "name": text("name"),
            "is_st": columns.flags("is_st") if "is_st" in columns else pa.nulls(len(ids), pa.bool_()),
            "listed_date": days("listed_date"),
            "delisted_date": days("delisted_date"),
            "industry": text("industry"),
            "round_lot": columns.shares("round_lot") if "round_lot" in columns else pa.nulls(len(ids), pa.int64()),
        }
    )
