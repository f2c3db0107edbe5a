"""`openbell data`: the rows of a dataset, as CSV for a pipe or as a file."""

import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from app.cli import screen
from app.cli.service import Service, connect, path
from app.errors import AlreadyExists, DiskFull

Form = Literal["csv", "json", "arrow", "parquet"]
Adjust = Literal["none", "pre", "post"]
_NO_TEXT = ("arrow", "parquet")


def data(
    dataset: str,
    date: Annotated[str | None, typer.Option(help="One trade date, as 2026-11-20.")] = None,
    start: Annotated[str | None, typer.Option(help="The first trade date.")] = None,
    end: Annotated[str | None, typer.Option(help="The last trade date.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Instruments by comma, in any spelling; default: all.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns by comma; default: all.")] = None,
    adjust: Annotated[Adjust, typer.Option(help="Of daily_bars: pre (前复权), post (后复权).")] = "none",
    snapshot: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    limit: Annotated[int | None, typer.Option(help="Rows at most; default: all, of JSON 100.")] = None,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Write to this new file, whole or not at all.")] = None,
) -> None:
    """Print rows of a dataset, all of one snapshot. `openbell data scores --date 2026-11-20 --columns order_book_id,score`."""
    if date is not None and (start is not None or end is not None):
        raise typer.BadParameter("--date is one day: leave --start and --end out")
    if form in _NO_TEXT and out is None and screen.is_terminal():
        raise typer.BadParameter(f"{form} is no text: name a file with --out, or send it into a pipe")
    wanted = {
        "start_date": date or start, "end_date": date or end, "symbols": symbols, "columns": columns, "adjust": adjust,
        "snapshot": snapshot, "limit": limit, "format": form,
    }  # fmt: skip
    service = connect()
    if out is None:
        try:
            _copy(service, dataset, wanted, sys.stdout.buffer)
        except BrokenPipeError:
            # Whoever reads has enough, as `head` does; what is left in the buffer must not be written at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if out.exists():
        raise AlreadyExists(f"{out} is there already.", hint="Name another file, or take it away first.")
    aside = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as file:
            _copy(service, dataset, wanted, file)
            os.fsync(file.fileno())
        aside.rename(out)
    except OSError as error:
        raise DiskFull(f"{out} could not be written: {error.strerror}.") from None
    finally:
        aside.unlink(missing_ok=True)


def _copy(service: Service, dataset: str, wanted: Mapping[str, object], file: BinaryIO) -> None:
    for part in service.parts(path("datasets", dataset, "data"), **wanted):
        file.write(part)
    file.flush()
