"""What a command does with the run that it made: name it, or watch it until it is final."""

from typing import Annotated, Any

import typer

from app.cli import follow, screen
from app.cli.patience import Patient
from app.cli.service import Service

NOT_SUCCEEDED, TIME_UP = 1, 5

Wait = Annotated[bool, typer.Option("--wait", help="Watch the steps until the run is final.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait at most; the run goes on.")]


def made(service: Service, run: dict[str, Any], *, wait: bool, timeout: float | None, as_json: bool) -> None:
    """Say which run it is; with `wait` the exit code is 0 only if it succeeded."""
    if not wait:
        screen.document(run) if as_json else screen.line(run["id"])
        return
    patient = Patient(service, f"The run goes on: openbell runs {run['id']}", timeout)
    final = (follow.silently if as_json else follow.on_screen)(patient, run, timeout)
    if as_json:
        screen.document(final)
    if final["status"] != "succeeded":
        raise typer.Exit(NOT_SUCCEEDED if final["status"] in follow.FINAL else TIME_UP)
