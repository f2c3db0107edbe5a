"""Taking in what stands beside prices: instruments and their codes, corporate actions, and the exchanges' sessions."""

import pyarrow as pa
import pyarrow.compute as pc

from app.definitions import OpContext
from app.stocks import code_changes, dictionary
from app.stocks.exchanges import SINCE
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.lake.merge import remove
from app.stocks.lake.rows import conform, keys_of, plain

_CARRIED = ("instruments", "daily_bars", "fundamentals", "corporate_actions", "confirmed_empty", "intraday_bars")
"""What a source delivers by instrument; what is computed of it follows by itself."""
_SERVICE = "calendar"


def stage_instruments(lake: MarketLake, told: pa.Table, changes: pa.Table | None) -> None:
    """Put the source's newest word on instruments, and the codes that changed, into the lake, and rows under the codes of today.

    `told` has all periods of every instrument that it names; what the lake has of these besides is taken out.
    """
    spec = dictionary.get("instruments")
    pieces = [code_changes.rows(), *([changes.select(dictionary.get("code_changes").names)] if changes is not None else [])]
    known = _last_of_each(pa.concat_tables(pieces), "old_id")
    current = code_changes.successors(known)
    told = conform(spec, code_changes.renamed(told, current))
    ids = pc.unique(told.column("order_book_id").cast(pa.string()))
    own = known.filter(pc.is_in(pa.array([current[old] for old in known.column("old_id").to_pylist()], pa.string()), ids))
    if own.num_rows:
        lake.stage("code_changes", own)
    before = lake.read("instruments", symbols=ids.to_pylist())
    lake.stage("instruments", told)
    lake.remove("instruments", remove(spec, keys_of(spec, before), keys_of(spec, told)))
    _carry_over(lake, current)


def stage_calendar(context: OpContext) -> None:
    """Make the dataset trading_calendar what the service's calendars say now: days that were taken out of them are gone."""
    lake, spec = market_lake(context), dictionary.get("trading_calendar")
    pieces = []
    for exchange, since in SINCE.items():
        days = [day for day in context.sessions(exchange) if day >= since]
        named = {"calendar": pa.repeat(exchange, len(days)), "trade_date": pa.array(days, pa.date32())}
        pieces.append(pa.table({**named, "source": pa.repeat(_SERVICE, len(days))}))
    rows = conform(spec, pa.concat_tables(pieces))
    if not plain(spec, rows).equals(lake.read("trading_calendar")):
        lake.replace("trading_calendar", "all", rows)


def _carry_over(lake: MarketLake, current: dict[str, str]) -> None:
    """Rows that came under a code before it changed stand under the one of today; those that came under that one already stay."""
    standing = pc.unique(lake.read("instruments", columns=["order_book_id"]).column("order_book_id")).to_pylist()
    old = sorted(set(standing) & set(current))
    if not old:
        return
    for name in _CARRIED:
        spec = dictionary.get(name)
        rows = lake.read(name, symbols=old)
        if not rows.num_rows:
            continue
        moved = code_changes.renamed(rows, current)
        there = lake.read(name, columns=list(spec.key), symbols=sorted({current[one] for one in old}))
        lake.stage(name, remove(spec, conform(spec, _last_of_each(moved, *spec.key)), keys_of(spec, there)))
        lake.remove(name, keys_of(spec, rows))


def _last_of_each(rows: pa.Table, *key: str) -> pa.Table:
    numbered = rows.append_column("row", pa.array(range(len(rows))))
    last = numbered.group_by(list(key)).aggregate([("row", "max")]).column("row_max")
    return rows.take(last.sort())
