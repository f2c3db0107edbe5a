"""import_bars: somebody's own bars into the lake, through the same screen and gate as a sync; or what would come of it."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.definitions import Dataset, OpContext, op
from app.errors import Invalid, NotFound
from app.stocks import bar_keys
from app.stocks.intake import plan
from app.stocks.intake.failures import SourceMismatch, refused
from app.stocks.intake.intake import Intake
from app.stocks.intake.window import Window, known_sessions
from app.stocks.lake.market_lake import market_lake
from app.stocks.moving.bring import bring
from app.stocks.moving.canonical import canonical
from app.stocks.moving.mapping import ColumnMap
from app.stocks.moving.moved import Moved
from app.stocks.moving.report import report
from app.stocks.sources import Data, Unavailable
from app.stocks.sources.files.fault import BadFile

FOLDER = "imports"
"""In the data dir: nothing outside of it is read, whatever the param says."""
SOURCE = "files"


@op(tags={"effects": "reads files that may be gone"})
def import_bars(
    context: OpContext,
    *,
    path: str,
    table: str | None = None,
    columns: ColumnMap | None = None,
    replace: bool = False,
    dry_run: bool = False,
) -> Dataset | None:
    """Stage the daily bars of a file or folder under `imports` in the data dir; `table`: of a DuckDB file.

    Rows that the lake has stay as they are unless `replace`. `columns` maps a column of the dictionary to the file's name of it
    (`"close"` or `{"column": "close", "unit": "CNY"}`). `dry_run` says what would come, in the log, and stages nothing.
    Raises Invalid, NotFound, SourceMismatch.
    """
    _check_source(context)
    place = _inside(context.data_dir / FOLDER, path)
    sessions = known_sessions(context)
    try:
        made = [canonical(brought, columns) for brought in bring(place, table)]
        context.scratch.mkdir(parents=True, exist_ok=True)
        file = context.scratch / "brought.parquet"
        pq.write_table(pa.concat_tables([each.table for each in made], promote_options="default"), file)
    except BadFile as fault:
        raise Invalid(fault.detail, hint=fault.hint or None) from None
    source = Moved(file, sessions)
    answer = source.daily_bars(None, date.min, date.max)
    if isinstance(answer, Unavailable):
        raise refused(SOURCE, answer)
    assert isinstance(answer, Data)  # there are rows, since no file without any is brought
    held = _held(context, answer.table)
    found = report(answer.table, held, sessions)
    first = made[0]
    said = {"files": len(made), "columns": first.columns, "units": first.units, "dates": first.dates}
    padded = sum(each.padded for each in made)
    context.log.info("What was brought", **said, ids_with_lost_noughts=padded, **found)
    for name in ("rows", "instruments"):
        context.metric(name, found[name])
    _check_factors(context, first.columns, answer.table, found, replace=replace)
    if dry_run:
        return None
    return _take(context, Moved(file, sessions, None if replace else held), sessions)


def _take(context: OpContext, source: Moved, sessions: list[date]) -> Dataset:
    before = context.lake.facts("daily_bars")
    intake = Intake(context, sessions, source)
    ends = {"history_from": min, "ready_through": max}
    now = {"history_from": intake.first.isoformat(), "ready_through": intake.ready.isoformat()}
    # What the lake was filled with before is as much its history as what is brought now.
    kept: dict[str, Any] = {name: choose(now[name], before.get(name, now[name])) for name, choose in ends.items()}
    offered = sorted({*before.get("offered", ()), *source.capabilities()})
    context.lake.note("daily_bars", quality=None, offered=offered, **kept)
    window = Window(intake.first, intake.ready, sessions)
    roll = intake.roll()
    intake.take(plan.everything(roll, window, strangers=True), window, roll)
    intake.taken.report(context)
    return Dataset("daily_bars", intake.taken.staged)


def _check_source(context: OpContext) -> None:
    born = context.lake.facts("daily_bars").get("source")
    configured = context.settings.source
    if born not in (None, SOURCE) or configured != SOURCE:
        whose = (
            f"this lake holds the data of the source {born!r}" if born not in (None, SOURCE) else f"the source is {configured!r}"
        )
        raise SourceMismatch(
            f"{whose}; imported bars are of the source {SOURCE!r}, and two sources never share a lake",
            hint=f"set OPENBELL_DATA_DIR to a new folder and OPENBELL_SOURCE to {SOURCE}, start the service, import again",
        )


def _inside(folder: Path, path: str) -> Path:
    place = (folder / path).resolve()
    if not place.is_relative_to(folder.resolve()) or place == folder.resolve():
        raise Invalid(f"{path!r} is not inside of {folder}", hint="openbell import brings a file there")
    if not place.exists():
        raise NotFound(f"There is no {place}.", hint="openbell import brings a file there")
    return place


def _held(context: OpContext, rows: pa.Table) -> pa.Table:
    days = pc.min_max(rows.column("trade_date"))
    ids = pc.unique(rows.column("order_book_id")).to_pylist()
    return market_lake(context).read("daily_bars", start=days["min"].as_py(), end=days["max"].as_py(), symbols=ids)


def _check_factors(context: OpContext, columns: dict[str, str], rows: pa.Table, found: dict[str, Any], *, replace: bool) -> None:
    """Factors that are made from reference prices begin at 1 with a file: they must not stand beside others of one instrument."""
    if "adj_factor" in columns or "prev_close" not in columns:
        return
    ids = pc.unique(rows.column("order_book_id")).to_pylist()
    stays = market_lake(context).read("daily_bars", columns=["order_book_id", "trade_date"], symbols=ids)
    if replace:
        stays = stays.filter(pc.invert(bar_keys.among(stays, rows)))
    comes = replace or found.get("lake", {}).get("new", 0)
    if not stays.num_rows or not comes:
        return
    known = pc.unique(stays.column("order_book_id")).to_pylist()
    raise Invalid(
        f"The lake has other bars of {len(known)} of these instruments ({known[0]}, ...), and the file tells no adj_factor: "
        "made from prev_close, their factors would begin anew.",
        hint="bring adj_factor too, bring only instruments that the lake lacks, or import into a new data dir",
    )
