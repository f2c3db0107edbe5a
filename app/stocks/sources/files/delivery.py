"""Everything that the files hold, read once: bars in canonical columns, and beside them whatever else they tell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import code_changes
from app.stocks.instruments import BOARDS, board_of
from app.stocks.sources.files import aliases, bars, intraday, periods, reference, valuations
from app.stocks.sources.files.convert import Columns
from app.stocks.sources.files.fault import BadFile
from app.stocks.sources.files.read import find, open_file

_BESIDE: dict[str, Callable[[Columns], pa.Table]] = {
    aliases.ACTIONS.name: reference.actions,
    aliases.CHANGES.name: reference.changes,
    aliases.INSTRUMENTS.name: reference.instruments,
}


@dataclass(frozen=True)
class Delivery:
    """`others`: by dataset, the tables that not every delivery has."""

    files: int
    bars: pa.Table
    instruments: pa.Table
    others: dict[str, pa.Table]


def deliver(path: str, sessions: Sequence[date], source: str) -> Delivery:
    """Read the file, folder or glob. Raises BadFile, also where there are no daily bars at all."""
    found: dict[str, list[pa.Table]] = {name: [] for name in ("bars", "named", "fundamentals", "intraday_bars", *_BESIDE)}
    paths = find(path)
    for each in paths:
        opened = open_file(each)
        columns = Columns(opened)
        if opened.kind.name in _BESIDE:
            found[opened.kind.name].append(_BESIDE[opened.kind.name](columns))
        elif (at := intraday.time_column(columns)) is not None:
            found["intraday_bars"].append(intraday.convert(columns, at))
        else:
            _take_bars(columns, found)
    if not found["bars"]:
        kinds = ", ".join(name for name, tables in found.items() if tables)
        raise BadFile(paths[0], f"no file of daily bars is among {len(paths)} (there are: {kinds})", hint="docs/file-source.md")
    current = code_changes.successors(pa.concat_tables(found["code_changes"])) if found["code_changes"] else {}
    tables = {name: _joined(pieces, current) for name, pieces in found.items() if pieces and name != aliases.CHANGES.name}
    delivered = bars.settle(tables.pop("bars"), sessions)
    shares = [one for one in sorted(pc.unique(delivered.column("order_book_id")).to_pylist()) if board_of(one) in BOARDS]
    told = [tables.pop(aliases.INSTRUMENTS.name)] if aliases.INSTRUMENTS.name in tables else []
    known = periods.instruments(shares, periods.of_bars(tables.pop("named")), told, source)
    if found["code_changes"]:
        tables["code_changes"] = pa.concat_tables(found["code_changes"])
    return Delivery(
        len(paths), _sourced(delivered, source), known, {name: _sourced(each, source) for name, each in tables.items()}
    )


def _take_bars(columns: Columns, found: dict[str, list[Any]]) -> None:
    table = bars.convert(columns)
    found["bars"].append(table)
    names = columns.text("name") if "name" in columns else pa.nulls(len(table), pa.string())
    found["named"].append(table.select(["order_book_id", "trade_date", "is_st"]).append_column("name", names))
    beside = valuations.convert(columns, table)
    if beside is not None:
        found["fundamentals"].append(beside)


def _joined(pieces: Iterable[pa.Table], current: dict[str, str]) -> pa.Table:
    return code_changes.renamed(pa.concat_tables(pieces), current) if current else pa.concat_tables(pieces)


def _sourced(table: pa.Table, source: str) -> pa.Table:
    return table.append_column("source", pa.repeat(source, table.num_rows))
