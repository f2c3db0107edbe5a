"""`openbell jobs`, `status`, `pause`, `resume`, `ops`: what can be run, and how it does."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import Service, Unclear, connect, path


class Pausable(StrEnum):
    """What can be paused."""

    job = "job"
    schedule = "schedule"
    trigger = "trigger"
    deadline = "deadline"


Which = Annotated[Pausable | None, typer.Option(help="What is meant, where several have that name.")]


def jobs(as_json: Json = False) -> None:
    """Every job."""
    found = list(connect().items("/jobs"))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    headers = ("job", "pipeline", "paused", "description")
    rows = ((job["name"], job["pipeline"], "paused" if job["paused"] else None, job["description"]) for job in found)
    screen.table(headers, rows, spare=("paused", "description", "pipeline"))


def status(job: Annotated[str | None, typer.Argument(metavar="[JOB]")] = None, as_json: Json = False) -> None:
    """How a job stands: its last run, how long it takes, how often it succeeds; without JOB all jobs, one line each."""
    service = connect()
    if job is not None:
        answer = service.get(path("jobs", job, "status"))
        screen.document(answer) if as_json else screen.facts(answer)
        return
    found = [service.get(path("jobs", known["name"], "status")) for known in service.items("/jobs")]
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    headers = ("job", "status", "last run", "duration", "success", "queued", "running", "next fire")
    screen.table(headers, map(_standing, found), spare=("last run", "success", "duration", "running", "queued", "next fire"))


def metrics(
    job: str,
    window: Annotated[str, typer.Option(help="24h, 20td (trading days) or all.")] = "20td",
    as_json: Json = False,
) -> None:
    """What each step of a job measured in its newest finished run, and how long it takes in half and in 95 % of them."""
    answer = connect().get(path("jobs", job, "metrics"), window=window)
    if as_json:
        screen.document(answer)
        return
    headers = ("step", "record_count", "processing_time", "memory_usage", "data_quality_score", "p50", "p95", "tries", "failed")
    screen.table(headers, map(_measured, answer["steps"]), spare=("p50", "p95", "failed", "tries"))


def pause(name: str, kind: Which = None, as_json: Json = False) -> None:
    """Start no run of a job until it is resumed; those that run go on. A schedule or trigger fires nothing."""
    _switch(kind, name, "pause", as_json)


def resume(name: str, kind: Which = None, as_json: Json = False) -> None:
    """Let a paused job run, a schedule or trigger fire, a deadline count, again."""
    _switch(kind, name, "resume", as_json)


def ops(as_json: Json = False) -> None:
    """What pipelines may be made of, and the modules that are broken."""
    service = connect()
    if as_json:
        screen.document(service.get("/ops", limit=500))
        return
    rows = ([op["name"], op["module"], op["description"].partition(". ")[0]] for op in service.items("/ops"))
    screen.table(("op", "module", "description"), rows, spare=("description", "module"))
    for module in service.get("/ops", limit=1)["broken"]:
        screen.complain(f"broken: {module['module']}: {module['error']}")


def _switch(kind: Pausable | None, name: str, verb: str, as_json: bool) -> None:
    service = connect()
    answer = service.post(path(f"{(kind or _kind_of(service, name)).value}s", name, verb))
    screen.document(answer) if as_json else screen.line(f"{answer['name']}\t{'paused' if answer['paused'] else 'not paused'}")


def _kind_of(service: Service, name: str) -> Pausable:
    """The one kind of thing that bears the name. Raises Unclear for none and for several."""
    having = [kind for kind in Pausable if any(one["name"] == name for one in service.items(path(f"{kind.value}s")))]
    if len(having) == 1:
        return having[0]
    if not having:
        raise Unclear(
            f"No job, schedule, trigger or deadline is named {name!r}.",
            hint="`openbell jobs`, `schedules`, `triggers` and `deadlines` list them.",
        )
    words = " and a ".join(kind.value for kind in having)
    raise Unclear(f"A {words} are named {name!r}.", hint=f"Say which is meant: --kind {having[0].value}.")


def _measured(step: dict[str, Any]) -> list[Any]:
    found = step["metrics"] or {}
    took, memory = screen.seconds(found.get("processing_time")), screen.size(found.get("memory_usage"))
    numbers = [found.get("record_count"), took, memory, found.get("data_quality_score")]
    usual = [screen.seconds(step["duration"][percentile]) for percentile in ("p50", "p95")]
    return [step["node"], *numbers, *usual, step["attempts"], step["failed"]]


def _standing(job: dict[str, Any]) -> list[Any]:
    rate = None if job["success_rate"] is None else f"{job['success_rate']:.0%}"
    last, fires = screen.instant(job["last_run"]), screen.instant(job["next_fire"])
    return [job["name"], job["status"], last, screen.seconds(job["duration"]), rate, job["queued"], job["running"], fires]
