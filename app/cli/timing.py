"""`openbell schedules`, `triggers`, `preview`, `firings`, `send`: what fires when, what came of it, and telling of an event."""

import json
import uuid
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import connect, path

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A schedule or trigger.")]


def schedules(as_json: Json = False) -> None:
    """Every schedule: what it means, and when it comes next."""
    found = list(connect().items("/schedules"))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    rows = (
        [one["name"], one["job"], _state(one), screen.instant(one["next_at"]), one["means"], _local(one, one["next_at"])]
        for one in found
    )
    screen.table(
        ("schedule", "job", "paused", "next", "description", "local"), rows, spare=("local", "paused", "description", "next")
    )


def triggers(as_json: Json = False) -> None:
    """Every trigger, and what it waits for."""
    found = list(connect().items("/triggers"))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    rows = ([one["name"], one["job"], _state(one), one["means"]] for one in found)
    screen.table(("trigger", "job", "paused", "description"), rows, spare=("paused", "description"))


def preview(
    schedule: Annotated[str, typer.Argument(help="A schedule.")],
    start: Annotated[str | None, typer.Option("--from", help="From which instant on, as 2026-10-01T00:00:00+08:00.")] = None,
    count: Annotated[int, typer.Option(help="How many moments.")] = 20,
    as_json: Json = False,
) -> None:
    """What a schedule will do, moment by moment, and why."""
    asked: dict[str, Any] = {"count": count, **({"from": start} if start else {})}
    service = connect()
    answer = service.get(path("schedules", schedule, "preview"), **asked)
    if as_json:
        screen.document(answer)
        return
    screen.line(answer["means"])
    for warning in answer["warnings"]:
        screen.complain(f"warning: {warning}")
    found = service.get(path("schedules", schedule))
    rows = (
        [screen.instant(one["fires_at"]), one["decision"], one["trade_date"], one["detail"], _local(found, one["fires_at"])]
        for one in answer["items"]
    )
    screen.table(("at", "decision", "trade date", "why", "local"), rows, spare=("local", "why"))


def firings(
    name: Name = None,
    outcome: Annotated[str | None, typer.Option(help="Only fired, skipped, missed, held or failed.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the latest first.")] = 20,
    as_json: Json = False,
) -> None:
    """What came of every moment at which something could have fired."""
    asked: dict[str, Any] = {"limit": limit, **({"outcome": outcome} if outcome else {})}
    answer = connect().get("/firings" if name is None else _ledger(name), **asked)
    if as_json:
        screen.document(answer)
        return
    headers = ("due", "name", "outcome", "trade date", "run", "why")
    rows = (
        [screen.instant(row["due_at"]), row["name"], row["outcome"], row["trade_date"], row["run_id"], row["detail"]]
        for row in answer["items"]
    )
    screen.table(headers, rows, spare=("why", "trade date", "run"))


def send(
    event: Annotated[str, typer.Argument(help="The event's name.")],
    payload: Annotated[str, typer.Option(help="A JSON object.")] = "{}",
    as_json: Json = False,
) -> None:
    """Tell of an event: what waits for it fires."""
    try:
        said = json.loads(payload)
    except ValueError as error:
        raise typer.BadParameter(f"--payload is not JSON: {error}") from error
    answer = connect().post(path("events", event), {"payload": said}, Idempotency_Key=str(uuid.uuid4()))
    if as_json:
        screen.document(answer)
        return
    if not answer["firings"]:
        screen.complain(f"No trigger waits for {event!r}.")
    for fired in answer["firings"]:
        screen.line("\t".join(screen.cell(fired[name]) for name in ("trigger", "outcome", "run_id", "detail")))


def _ledger(name: str) -> str:
    kinds = ("schedules", "triggers")
    service = connect()
    kind = next((kind for kind in kinds if any(one["name"] == name for one in service.items(f"/{kind}"))), kinds[0])
    return path(kind, name, "firings")


def _local(schedule: dict[str, Any], instant: str | None) -> str:
    return screen.local(instant, schedule.get("timezone") or "Asia/Shanghai")


def _state(definition: dict[str, Any]) -> str | None:
    return "paused" if definition["paused"] else None
