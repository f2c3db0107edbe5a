"""The indicators in two parts that are calculated side by side: technical and fundamental columns of the same rows."""

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys, dictionary
from app.stocks.indicators.calculate import Calculation, Part, Result, asked_for
from app.stocks.indicators.touched import remember
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.rows import conform, split

_KEY = ["order_book_id", "trade_date"]
_ROWS = 1_000_000
"""Rows of a block when the parts are put together."""


def part(lake: MarketLake, which: Part, symbols: Collection[str] | None = None) -> tuple[pa.Table, Result]:
    """Those columns of every row that is due, with its key, sorted by key; nothing is staged."""
    due = asked_for(lake, symbols, whole=symbols is None)
    if not due.any:
        return _none(), Result(0, 0, None)
    calculation = Calculation(lake, due, parts=[which])
    tables = [_frame(names, columns) for names, columns in calculation.blocks()]
    return (pa.concat_tables(tables, promote_options="default") if tables else _none()), calculation.result


def merge(lake: MarketLake, technical: pa.Table, known: pa.Table | None, symbols: Collection[str] | None = None) -> int:
    """Put the parts together and stage them as indicators; how many rows. Raises ValueError when they are of other rows."""
    due = asked_for(lake, symbols, whole=symbols is None)
    if due.gone is not None and symbols is None:
        lake.remove("indicators", due.gone)
    rows = _side_by_side(bar_keys.in_order(technical), bar_keys.in_order(known) if known is not None else None)
    spec = dictionary.get("indicators")
    if due.any:
        with lake.writer("indicators", whole=due.whole) as writer:
            for block in _blocks(rows):
                writer.append(split(spec, conform(spec, block)))
    if symbols is None:
        remember(lake)
    lake.carry_notes("daily_bars", "indicators")
    return int(rows.num_rows)


def _side_by_side(technical: pa.Table, known: pa.Table | None) -> pa.Table:
    if known is None:
        return technical
    if not technical.select(_KEY).equals(known.select(_KEY)):
        raise ValueError(
            f"the parts are not of the same rows: {technical.num_rows} technical ones and {known.num_rows} fundamental ones;"
            " calculate both from the same data"
        )
    for name in known.column_names:
        if name not in technical.column_names:
            technical = technical.append_column(name, known.column(name))
    return technical


def _blocks(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows in pieces that each hold all of an instrument: so the writer wants them."""
    names = bar_keys.places(rows.column("order_book_id").unique().to_pylist(), rows)
    begins = np.flatnonzero(np.diff(names, prepend=-1))
    start = 0
    while start < rows.num_rows:
        after = begins[begins >= start + _ROWS]
        end = int(after[0]) if len(after) else rows.num_rows
        yield rows.slice(start, end - start)
        start = end


def _frame(names: list[str], columns: dict[str, np.ndarray]) -> pa.Table:
    ids = pa.DictionaryArray.from_arrays(columns.pop("order_book_id").astype(np.int32, copy=False), pa.array(names, pa.string()))
    days = pa.array(columns.pop("trade_date"), pa.int32()).cast(pa.date32())
    return pa.table({"order_book_id": ids.cast(pa.string()), "trade_date": days, **columns})


def _none() -> pa.Table:
    return pa.schema([("order_book_id", pa.string()), ("trade_date", pa.date32())]).empty_table()
