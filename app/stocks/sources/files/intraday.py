"""Bars of minutes from files: told from daily ones by their times, their frequency by the distance of these."""

import numpy as np
import pyarrow as pa

from app.stocks.intraday import minutes
from app.stocks.sources.files.bars import PRICES
from app.stocks.sources.files.convert import Columns
from app.stocks.sources.files.fault import BadFile


def time_column(columns: Columns) -> str | None:
    """The column that says which minute of the day a row is about; None for a file of daily bars.

    One time for all rows says nothing: some vendors stamp a day's bar with its close.
    """
    name = "at" if "at" in columns else "trade_date"
    return name if columns.times_of_day(name) > 1 else None


def convert(columns: Columns, name: str) -> pa.Table:
    """One file's rows in canonical columns, but for the source. Raises BadFile where no frequency explains the times."""
    at = columns.instants(name)
    made = {"order_book_id": columns.order_book_ids("order_book_id"), "at": at, "trade_date": at.cast(pa.date32(), safe=False)}
    ends = np.unique(minutes.of_day(at.to_numpy()))
    frequency = minutes.frequency(ends)
    if frequency is None:
        shown = ", ".join(f"{end // 60:02}:{end % 60:02}" for end in ends[:6].tolist())
        hint = f"at the end of each bar, local time; known are {', '.join(minutes.FREQUENCIES)}"
        raise BadFile(columns.path, f"holds bars of no known frequency: they stand at {shown}", column=name, hint=hint)
    made["frequency"] = pa.array(np.full(len(at), frequency))
    made |= {price: columns.numbers(price) for price in PRICES}
    made["volume"] = columns.shares("volume")
    turnover = "total_turnover" in columns
    made["total_turnover"] = columns.numbers("total_turnover") if turnover else pa.nulls(len(at), pa.float64())
    return pa.table(made)
