"""`openbell backfill`, `backfills`: a job done again for the trade dates of a range; planned, watched, paused, cancelled."""

import time
import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json, Pairs, pairs
from app.cli.patience import Patient
from app.cli.service import Service, connect, path

NOT_SUCCEEDED, TIME_UP = 1, 5
_FINAL = ("succeeded", "partly_failed", "failed", "cancelled")
_LOOK_SECONDS = 0.5
_CHUNKS = 20

Only = StrEnum("Only", ["missing", "failed", "all"])
Chunk = StrEnum("Chunk", ["date", "month", "year", "all"])
Order = StrEnum("Order", ["newest", "oldest"])
Triggers = StrEnum("Triggers", ["once_at_end", "each", "none"])


def backfill(
    job: str,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first trade date, as 2026-01-01.")],
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last trade date; default: today.")] = None,
    only: Annotated[
        Only, typer.Option(help="Dates with gaps or without a success; whose last run failed; or all.")
    ] = Only.missing,
    chunk: Annotated[Chunk, typer.Option(help="What one run is about.")] = Chunk.date,
    order: Annotated[Order, typer.Option(help="Which comes first.")] = Order.newest,
    triggers: Annotated[Triggers, typer.Option(help="When what waits for the job fires.")] = Triggers.once_at_end,
    param: Pairs = None,
    dataset: Annotated[str | None, typer.Option(help="Whose gaps count as missing; default: daily_bars.")] = None,
    together: Annotated[int, typer.Option("--max-concurrent-runs", help="Runs at a time.")] = 1,
    priority: Annotated[int | None, typer.Option(help="0 to 100, higher first; default: 10.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do; do nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it is over.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most; the backfill goes on.")] = None,
    as_json: Json = False,
) -> None:
    """Do a job again for the trade dates of a range. With --wait the exit code is 0 only if all of it succeeded."""
    body: dict[str, Any] = {"from": first, "only": only, "chunk": chunk, "order": order, "triggers": triggers}
    body |= {"params": pairs(param, as_json=True), "max_concurrent_runs": together}
    body |= {name: value for name, value in (("to", last), ("dataset", dataset), ("priority", priority)) if value is not None}
    service = connect()
    if dry_run:
        answer = service.post(path("jobs", job, "backfills", "plan"), body)
        screen.document(answer) if as_json else _plan(answer)
        return
    made = service.post(path("jobs", job, "backfills"), body, Idempotency_Key=str(uuid.uuid4()))
    if not made["total"]:
        screen.complain(f"There is nothing to do: `openbell backfills {made['id']}` says what is left out, and why.")
    if wait:
        _wait(service, made, timeout, as_json)
    else:
        screen.document(made) if as_json else screen.line(made["id"])


def backfills(
    backfill_id: Annotated[str | None, typer.Argument(metavar="[BACKFILL]", help="Its id.")] = None,
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    pause: Annotated[bool, typer.Option("--pause", help="Begin no further chunk; what is under way ends.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Begin no further chunk, and stop what is under way.")] = False,
    as_json: Json = False,
) -> None:
    """The newest backfills, or one with its chunks; or pause, resume, cancel it."""
    verbs = [name for name, said in (("pause", pause), ("resume", resume), ("cancel", cancel)) if said]
    if len(verbs) > 1 or (verbs and backfill_id is None):
        raise typer.BadParameter("one of --pause, --resume and --cancel goes with the id of a backfill")
    service = connect()
    if backfill_id is None:
        answer = service.get("/backfills", job=job, limit=limit)
        screen.document(answer) if as_json else _table(answer["items"])
        return
    if verbs:
        answer = service.post(path("backfills", backfill_id, verbs[0]))
        screen.document(answer) if as_json else screen.line(_standing(answer))
        return
    answer = service.get(path("backfills", backfill_id))
    if as_json:
        screen.document(answer)
        return
    screen.line(_standing(answer))
    _left_out(answer["left_out"])
    _chunks(service, answer)


def _plan(plan: dict[str, Any]) -> None:
    facts = {name.replace("_", " "): plan[name] for name in ("job", "runs", "trade_dates", "rows", "vendor_bytes")}
    screen.facts({**facts, "time": screen.seconds(plan["seconds"]), "by runs": plan["history_runs"]})
    _left_out(plan["left_out"])
    screen.table(("from", "to", "sessions"), ([one[name] for name in _CHUNK_FACTS] for one in plan["chunks"]))
    if (more := plan["runs"] - len(plan["chunks"])) > 0:
        screen.complain(f"and {more} more")


_CHUNK_FACTS = ("first_date", "last_date", "sessions")


def _left_out(found: list[dict[str, Any]]) -> None:
    for one in found:
        days = f"{one['days']} day{'s' if one['days'] > 1 else ''}"
        screen.line(f"left out: {days} from {one['first_date']} to {one['last_date']}: {one['detail']}")


def _table(found: list[dict[str, Any]]) -> None:
    headers = ("backfill", "job", "from", "to", "status", "done", "failed", "left", "why")
    rows = (
        [one["id"], one["job"], one["from"], one["to"], one["status"], f"{one['done']}/{one['total']}", one["failed"],
         screen.seconds(one["remaining_seconds"] or None), one["reason"]]
        for one in found
    )  # fmt: skip
    screen.table(headers, rows, spare=("failed", "left", "to", "from", "why"))


def _chunks(service: Service, backfill: dict[str, Any]) -> None:
    place = path("backfills", backfill["id"], "chunks")
    page = service.get(place, limit=_CHUNKS) if screen.is_terminal() else {"items": list(service.items(place))}
    rows = ([*(one[name] for name in _CHUNK_FACTS), one["status"], one["run_id"], one["detail"]] for one in page["items"])
    screen.table(("from", "to", "sessions", "status", "run", "why"), rows, spare=("run", "why", "to"))
    if (more := backfill["total"] - len(page["items"])) > 0:
        screen.complain(f"and {more} more; in a pipe you get all of them")


def _standing(one: dict[str, Any]) -> str:
    failed = f", {one['failed']} failed" if one["failed"] else ""
    left = f", {screen.seconds(one['remaining_seconds'])} left" if one["remaining_seconds"] else ""
    why = f": {one['reason']}" if one["reason"] else ""
    return f"{one['id']}\t{one['job']}\t{one['status']}\t{one['done']}/{one['total']} ({one['percent']:g} %){failed}{left}{why}"


def _wait(service: Service, one: dict[str, Any], timeout: float | None, as_json: bool) -> None:
    deadline = time.monotonic() + timeout if timeout is not None else None
    told, goes_on = None, f"The backfill goes on: openbell backfills {one['id']}"
    patient = Patient(service, f"{goes_on} (once `openbell serve` runs)", timeout)
    try:
        while True:
            if not as_json and told != (one["status"], one["done"]):
                told = (one["status"], one["done"])
                screen.line(_standing(one))
            if one["status"] in _FINAL or (deadline is not None and time.monotonic() >= deadline):
                break
            time.sleep(_LOOK_SECONDS)
            one = patient.get(path("backfills", one["id"]))
    except KeyboardInterrupt:
        screen.complain(goes_on)
        raise
    if as_json:
        screen.document(one)
    if one["status"] not in _FINAL:
        raise typer.Exit(TIME_UP)
    if one["status"] != "succeeded":
        raise typer.Exit(NOT_SUCCEEDED)
