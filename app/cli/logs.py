"""`openbell logs`: what a run wrote."""

import json
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json, RunId
from app.cli.patience import Patient
from app.cli.runs import whole_id
from app.cli.service import connect, path


def logs(
    run: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is final.")] = False,
    as_json: Json = False,
) -> None:
    """What a run wrote; with --json one object a line."""
    service = connect()
    run_id = whole_id(service, run)
    where = path("runs", run_id, "logs")
    if follow:
        patient = Patient(service, f"The run goes on once `openbell serve` runs: openbell logs -f {run_id}")
        found = patient.events(where)
    elif as_json:
        found = service.items(where)
    else:
        for text in service.lines(where, "text/plain"):
            screen.line(text)
        return
    for line in found:
        screen.line(json.dumps(line, ensure_ascii=False) if as_json else _plain(line))


def _plain(line: dict[str, Any]) -> str:
    """As the service's text/plain has it."""
    where = f" {line['node']}" if line["node"] else ""
    fields = "".join(f" {name}={value}" for name, value in line["fields"].items())
    return f"{line['at']} {line['level']:<7}{where} {line['message']}{fields}"
