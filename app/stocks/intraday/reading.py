"""Reading bars of minutes in blocks of whole instruments, a month at a time: a year of a market is never held."""

from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.intraday.bars import COLUMNS, Bars
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.reading import narrow, outside
from app.stocks.schema import Spec

ROWS_PER_BLOCK = 500_000
_NAME = "intraday_bars"


def blocks(
    lake: MarketLake, frequency: str, *, start: date | None = None, end: date | None = None, symbols: Sequence[str] | None = None
) -> Iterator[Bars]:
    """The bars of that frequency, month by month, some instruments at a time, each with all of its month's chosen days."""
    spec = lake.spec(_NAME)
    only = set(symbols) if symbols is not None else None
    for file in lake.files(_NAME):
        if outside(file, start, end):
            continue
        cursor = Cursor(lake.folder / file["path"], spec, list(COLUMNS), only)
        held: list[pa.Table] = []
        while (near := cursor.near) is not None:
            held.append(_chosen(spec, cursor.take(near), frequency, start, end, symbols))
            if sum(len(piece) for piece in held) >= ROWS_PER_BLOCK:
                yield Bars.of(pa.concat_tables(held), frequency)
                held = []
        if any(len(piece) for piece in held):
            yield Bars.of(pa.concat_tables(held), frequency)


def _chosen(
    spec: Spec, rows: pa.Table, frequency: str, start: date | None, end: date | None, symbols: Sequence[str] | None
) -> pa.Table:
    own = rows.filter(pc.equal(rows.column("frequency").cast(pa.string()), frequency))
    return narrow(spec, own, start, end, symbols)
