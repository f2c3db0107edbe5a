"""`openbell runs`, `cancel`, `retry`: what happened, and asking one to stop or to be done again."""

import uuid
from typing import Annotated, Any

import typer

from app.cli import follow, screen
from app.cli.options import Json, RunId
from app.cli.service import Service, Unclear, connect, path

_WHOLE_ID = 36
_LOOKED_THROUGH = 500


def runs(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="One run, with its steps.")] = None,
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this status.")] = None,
    date: Annotated[str | None, typer.Option(help="Only of this trade date.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: Json = False,
) -> None:
    """The newest runs, or one run with its steps. RUN is an id, or how the id begins."""
    service = connect()
    if run_id is not None:
        answer = service.get(path("runs", whole_id(service, run_id)))
        screen.document(answer) if as_json else follow.show(answer)
        return
    answer = service.get("/runs", job=job, status=status, trade_date=date, limit=limit)
    if as_json:
        screen.document(answer)
        return
    headers = ("run", "job", "trade date", "status", "priority", "queued at", "duration", "why")
    screen.table(headers, map(_row, answer["items"]), spare=("queued at", "duration", "trade date", "why", "priority"))


def cancel(run: RunId, as_json: Json = False) -> None:
    """Ask a run to stop."""
    service = connect()
    answer = service.post(path("runs", whole_id(service, run), "cancel"))
    screen.document(answer) if as_json else screen.line(f"{answer['id']}\t{_stopping(answer)}")


def retry(
    run: RunId,
    start: Annotated[str, typer.Option("--from", help="failed, start, or a step: what was finished before is kept.")] = "failed",
    note: Annotated[str | None, typer.Option(help="Why this run was made.")] = None,
    as_json: Json = False,
) -> None:
    """Do a run again, as a new run; prints its id. A run in which nothing failed takes --from start, or a step."""
    service = connect()
    body = {"from": start, **({"note": note} if note is not None else {})}
    made = service.post(path("runs", whole_id(service, run), "retry"), body, Idempotency_Key=str(uuid.uuid4()))
    screen.document(made) if as_json else screen.line(made["id"])


def whole_id(service: Service, text: str) -> str:
    """The id of the one run, of the newest 500, whose id begins so. Raises Unclear."""
    if len(text) >= _WHOLE_ID:
        return text
    newest = service.get("/runs", limit=_LOOKED_THROUGH)["items"]
    found = [run["id"] for run in newest if run["id"].startswith(text.lower())]
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise Unclear(f"None of the newest {_LOOKED_THROUGH} runs has an id that begins with {text!r}.")
    raise Unclear(
        f"{len(found)} runs have an id that begins with {text!r}, the newest is {found[0]}.", hint="Give more of the id."
    )


def _row(run: dict[str, Any]) -> list[Any]:
    queued, took = screen.instant(run["queued_at"]), screen.seconds(run["duration"])
    waits = f"waiting: {run['waiting_for']}" if run["waiting_for"] else ""
    again = f"retry of {run['retry_of']}" if run["retry_of"] else ""
    reasons = "; ".join(part for part in (follow.why(run), waits, again) if part)
    return [run["id"], run["job"], run["trade_date"], run["status"], run["priority"], queued, took, reasons]


def _stopping(run: dict[str, Any]) -> str:
    return str(run["status"]) if run["status"] in follow.FINAL else f"{run['status']}, asked to stop"
