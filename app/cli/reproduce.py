"""`openbell reproduce`: what a run made, made again and compared."""

import uuid
from typing import Annotated, Any

import typer

from app.cli import follow, screen
from app.cli.options import Json, RunId
from app.cli.patience import Patient
from app.cli.runs import whole_id
from app.cli.service import connect, path

NOT_SUCCEEDED, TIME_UP = 1, 5


def reproduce(
    run: RunId,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most; the run goes on.")] = None,
    as_json: Json = False,
) -> None:
    """Make again what a run made, on the snapshot of then, and compare the content; nothing is published. Exit code 0: equal."""
    service = connect()
    made = service.post(path("runs", whole_id(service, run), "reproduce"), Idempotency_Key=str(uuid.uuid4()))
    patient = Patient(service, f"The run goes on: openbell runs {made['id']}", timeout)
    final = (follow.silently if as_json else follow.on_screen)(patient, made, timeout)
    screen.document(final) if as_json else _tell(final)
    if final["status"] not in follow.FINAL:
        raise typer.Exit(TIME_UP)
    if final["status"] != "succeeded" or not (final["comparison"] or {}).get("same"):
        raise typer.Exit(NOT_SUCCEEDED)


def _tell(final: dict[str, Any]) -> None:
    found = final["comparison"]
    if found is None:
        screen.line("nothing was compared: no step of it came to publish")
        return
    screen.line(f"{found['equal']} of {found['files']} files have the same content")
    if found["differences"]:
        rows = ([one[name] for name in ("dataset", "partition", "published", "made")] for one in found["differences"])
        screen.table(("dataset", "partition", "published", "made"), rows)
