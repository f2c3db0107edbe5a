"""`openbell logs`: what a run wrote."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json, RunId
from app.cli.runs import whole_id
from app.cli.service import connect, path


def logs(
    run: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is final.")] = False,
    as_json: Json = False,
) -> None:
    """What a run wrote; with --json one object a line."""
    service = connect()
    where = path("runs", whole_id(service, run), "logs")
    if follow:
        found = events(service.lines(where, "text/event-stream"))
    elif as_json:
        found = service.items(where)
    else:
        for text in service.lines(where, "text/plain"):
            screen.line(text)
        return
    for line in found:
        screen.line(json.dumps(line, ensure_ascii=False) if as_json else _plain(line))


def events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The log's lines out of an event stream; it ends with the event `end`."""
    for line in lines:
        if line == "event: end":
            return
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _plain(line: dict[str, Any]) -> str:
    """As the service's text/plain has it."""
    where = f" {line['node']}" if line["node"] else ""
    fields = "".join(f" {name}={value}" for name, value in line["fields"].items())
    return f"{line['at']} {line['level']:<7}{where} {line['message']}{fields}"
