"""The ops of daily_etl_pipeline: bars out of the lake or a file, screened, with what is computed of them, as files to pass on."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from app.definitions import OpContext, op
from app.errors import Invalid, Unavailable
from app.stocks import bar_keys, dictionary, exporting
from app.stocks.ids import Symbols
from app.stocks.intake.failures import refused
from app.stocks.intake.window import known_sessions, resolve
from app.stocks.lake.market_lake import market_lake
from app.stocks.ops.importing import FOLDER
from app.stocks.ops.validate import known_history
from app.stocks.quality.screen import screen
from app.stocks.sources import Data
from app.stocks.sources import Unavailable as Answer

_BESIDE = ("indicators", "factors", "scores")
_OF_SCORES = ("score", "total", "rank", "usable_from")

ExportName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


@op(timeout_seconds=3600)
def extract_data(
    context: OpContext,
    *,
    path: str | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
) -> pa.Table:
    """Daily bars as a frame: of the lake, or of the file or folder at `path`, in any shape that docs/file-source.md names.

    `path` lies below `imports` in the data dir, or is what OPENBELL_FILES_PATH says, or below that: whoever may run a job may
    not look at the host.

    Days: start_date to end_date, else the run's trade date, else the newest day of the lake, or all of the file. Raises
    Unavailable when there are none.
    """
    sessions = known_sessions(context)
    start, end = start_date or context.trade_date, end_date or context.trade_date
    if path is not None:
        return _of_file(_allowed(context, path), sessions, start or date.min, end or date.max, symbols)
    lake = market_lake(context)
    if start is None and end is None:
        newest = lake.newest_date("daily_bars")
        start = end = date.fromisoformat(newest) if newest else None
    first, ready = known_history(context)
    window = resolve(context, sessions, first, ready, start_date=start, end_date=end)
    found: pa.Table = lake.read("daily_bars", start=window.start, end=window.end, symbols=symbols)
    context.metric("data_quality_score", lake.reference("daily_bars").quality)
    if not found.num_rows:
        raise Unavailable(f"The lake has no bars from {window.start} to {window.end}.", hint="daily_sync_job brings them")
    return found


@op
def clean_data(context: OpContext, data: pa.Table) -> pa.Table:
    """The rows that may be true, one a key, sorted; the others are counted and logged with their reason, and left out.

    Raises QualityGate when most of many rows are bad.
    """
    screened = screen(data, known_sessions(context))
    reasons = pc.value_counts(screened.kept_out.column("check")).to_pylist()
    for reason in reasons:
        context.log.warning(f"{reason['values']}: left out", rows=reason["counts"])
    context.metric("left_out_rows", screened.kept_out_rows)
    share = screened.rows.num_rows / data.num_rows if data.num_rows else None
    context.metric("data_quality_score", None if share is None else round(share, 6))
    return screened.rows


@op
def enrich_data(context: OpContext, data: pa.Table) -> pa.Table:
    """The rows with the columns of indicators, factors and scores of the same key beside them; null where the lake has none."""
    lake = market_lake(context)
    if not data.num_rows:
        return data
    ends = pc.min_max(data.column("trade_date"))
    ids = sorted(pc.unique(data.column("order_book_id")).to_pylist())
    known = [name for name in _BESIDE if name in dictionary.DATASETS and lake.files(name)]
    for name in known:
        other = lake.read(name, start=ends["min"].as_py(), end=ends["max"].as_py(), symbols=ids)
        data = _beside(data, other, name)
        context.metric(f"rows_with_{name}", int(pc.sum(bar_keys.among(data, other)).as_py() or 0))
    return data


@op(tags={"effects": "writes files outside the lake"})
def load_to_storage(
    context: OpContext,
    data: pa.Table,
    *,
    name: ExportName = "daily_etl",
    forms: Annotated[list[Literal["parquet", "duckdb", "csv"]], Field(min_length=1)] = ["parquet", "duckdb"],  # noqa: B006  a copy is made
) -> list[dict[str, Any]]:
    """Write the rows under `<data dir>/exports/<name>/`, one file a form, named after their first and last day.

    Each file appears whole, and replaces that of an earlier run over the same days. The DuckDB file has one table, `name`.
    """
    if not data.num_rows:
        raise Invalid("There are no rows to load.", hint="extract_data says which days it took")
    ends = pc.min_max(data.column("trade_date"))
    first, last = ends["min"].as_py(), ends["max"].as_py()
    stem = first.isoformat() if first == last else f"{first}_{last}"
    written = []
    for form in dict.fromkeys(forms):
        place = Path("exports") / name / f"{stem}.{form}"
        size = exporting.write(data, context.data_dir / place, form, table=name)
        context.log.info(f"Wrote {place}", rows=data.num_rows, bytes=size)
        written.append({"path": place.as_posix(), "rows": data.num_rows, "bytes": size})
    context.metric("record_count", data.num_rows)
    return written


def _allowed(context: OpContext, path: str) -> str:
    configured = context.settings.files_path
    if configured is not None and path == str(configured):
        return path
    imports = context.data_dir / FOLDER
    place = (imports / path).resolve()
    roots = [imports, *([Path(configured)] if configured is not None else [])]
    if not place.exists() or not any(place.is_relative_to(root.resolve()) for root in roots):
        hint = "copy it there; a path may be relative to that folder"
        raise Invalid(f"{path!r} is no file or folder below {FOLDER} in the data dir, nor below OPENBELL_FILES_PATH", hint=hint)
    return str(place)


def _of_file(path: str, sessions: list[date], start: date, end: date, symbols: list[str] | None) -> pa.Table:
    from app.stocks.sources.files import Files

    answer = Files(path, sessions).daily_bars(symbols, start, end)
    if isinstance(answer, Answer):
        raise refused("files", answer)
    if not isinstance(answer, Data):
        raise Unavailable(f"{path} has no bars of these days and instruments.")
    return answer.table


def _beside(data: pa.Table, other: pa.Table, name: str) -> pa.Table:
    """The other table's columns by key; its own keys are unique."""
    ids = pc.unique(data.column("order_book_id")).to_pylist()
    at = pc.index_in(pa.array(bar_keys.numbers(ids, data)), pa.array(bar_keys.numbers(ids, other)))
    wanted = _OF_SCORES if name == "scores" else other.column_names
    for column in (one for one in wanted if one in other.column_names and one not in data.column_names):
        data = data.append_column(column, other.column(column).take(at))
    return data
