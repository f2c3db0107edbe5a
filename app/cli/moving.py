"""`openbell import` and `export-data`: bars of one's own into the lake, what is published out of it."""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli import follow, screen
from app.cli.made import NOT_SUCCEEDED, TIME_UP, Timeout, made
from app.cli.options import Json
from app.cli.patience import Patient
from app.cli.service import Service, connect, path
from app.errors import ConfigurationError, DiskFull

IMPORT, EXPORT = "import_job", "export_job"
FOLDER, EXPORTS = "imports", "exports"
MESSAGE = "What was brought"
_SUFFIXES = (".parquet", ".pq", ".csv", ".txt")
_DATABASES = (".duckdb", ".db", ".ddb")

Place = Annotated[str, typer.Argument(metavar="PATH|DUCKDB:TABLE", help="A Parquet or CSV file, a folder of them, or a table.")]


def import_data(
    dataset: Annotated[Literal["daily_bars"], typer.Argument(help="What it is: daily_bars.")],
    source: Place,
    column_map: Annotated[
        Path | None, typer.Option("--map", help="A JSON file: what is meant to the file's own name of it.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put its rows in the place of those that the lake has.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come; change nothing.")] = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Bring bars of your own into the lake: screened, examined, published with indicators and scores. docs/moving-in.md."""
    file, table = _parted(source)
    columns = _map(column_map) if column_map is not None else None
    service = connect()
    with _brought(service.where.parent / FOLDER, file) as (name, keep):
        params = {"path": name, "table": table, "columns": columns, "replace": replace, "dry_run": dry_run}
        run = service.post(path("jobs", IMPORT, "runs"), {"params": params}, Idempotency_Key=str(uuid.uuid4()))
        keep.append(run["id"])
        patient = Patient(service, f"The run goes on: openbell runs {run['id']}", timeout)
        final = (follow.silently if as_json or dry_run else follow.on_screen)(patient, run, timeout)
        if final["status"] not in follow.FINAL:
            # It still reads what was brought.
            raise typer.Exit(TIME_UP)
        keep.clear()
    found = _report(service, final)
    if as_json:
        screen.document({"run": final, "report": found})
    else:
        screen.facts({name: value for name, value in (found or {}).items() if value not in (None, {}, [])})
        for step in final["steps"] if dry_run else ():
            if step["status"] == "failed":
                screen.complain((step["error"] or {}).get("message") or step["reason"])
                if hint := (step["error"] or {}).get("hint"):
                    screen.complain(f"hint: {hint}")
    if final["status"] != "succeeded":
        raise typer.Exit(NOT_SUCCEEDED)


def export_data(
    name: Annotated[str, typer.Argument(help="What to call it; one that is there is never overwritten.")],
    form: Annotated[Literal["duckdb", "parquet", "csv"], typer.Option("--format", help="One file, or a folder.")] = "duckdb",
    datasets: Annotated[str | None, typer.Option(help="By comma; default: all but quarantine.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Instruments by comma, in any spelling; default: all.")] = None,
    start: Annotated[str | None, typer.Option(help="The first trade date.")] = None,
    end: Annotated[str | None, typer.Option(help="The last trade date.")] = None,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Write what is published, as one snapshot, to files that need nothing else: `exports/NAME` in the data dir."""
    service = connect()
    params = {
        "name": name, "form": form, "datasets": _listed(datasets), "symbols": _listed(symbols),
        "start_date": start, "end_date": end,
    }  # fmt: skip
    run = service.post(path("jobs", EXPORT, "runs"), {"params": params}, Idempotency_Key=str(uuid.uuid4()))
    made(service, run, wait=True, timeout=timeout, as_json=as_json)
    if not as_json:
        screen.line(str(service.where.parent / EXPORTS / name))


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _parted(source: str) -> tuple[Path, str | None]:
    file = Path(source).expanduser()
    if not file.exists() and ":" in source:
        before, _, table = source.rpartition(":")
        if Path(before).expanduser().is_file():
            return Path(before).expanduser(), table
    if not file.exists():
        raise ConfigurationError(
            f"There is no {source}.", hint="A file, a folder, or market.duckdb:prices for a table of a DuckDB file."
        )
    return file, None


def _map(file: Path) -> dict[str, Any]:
    hint = 'Write JSON such as {"close": "收盘", "volume": {"column": "成交量", "unit": "lots"}}.'
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The map {file} cannot be read: {error}.", hint=hint) from None
    if not isinstance(given, dict):
        raise ConfigurationError(f"The map {file} is no JSON object.", hint=hint)
    return given


@contextmanager
def _brought(folder: Path, file: Path) -> Iterator[tuple[str, list[str]]]:
    """A copy below `imports` in the data dir, by its name there; taken away at the end unless the list names who still reads."""
    own = folder / uuid.uuid4().hex[:12]
    keep: list[str] = []
    try:
        _copy(file, own)
        yield (own.name if file.is_dir() else f"{own.name}/{file.name}"), keep
    finally:
        if not keep:
            shutil.rmtree(own, ignore_errors=True)


def _copy(file: Path, own: Path) -> None:
    try:
        own.mkdir(parents=True)
        for one in _files(file):
            place = own / (one.relative_to(file) if file.is_dir() else one.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one, place)
    except OSError as error:
        raise DiskFull(f"{file} could not be copied to {own}: {error.strerror or error}.") from None


def _files(file: Path) -> list[Path]:
    if file.is_dir():
        return sorted(one for one in file.rglob("*") if one.is_file() and one.suffix.lower() in _SUFFIXES)
    # What a DuckDB file has not taken in yet stands beside it.
    log = file.with_name(f"{file.name}.wal")
    return [file, log] if file.suffix.lower() in _DATABASES and log.is_file() else [file]


def _report(service: Service, run: dict[str, Any]) -> dict[str, Any] | None:
    lines = service.items(path("runs", run["id"], "logs"))
    return next((line.get("fields") for line in lines if line.get("message") == MESSAGE), None)
