"""From a request to an acceptable run: which versions, which params, which trade date, which limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app import clock
from app.definitions.catalogue import Catalogue
from app.definitions.job import document_priority
from app.definitions.params import effective_params
from app.definitions.pipeline import pools_needed
from app.errors import Fault, Invalid, NotFound
from app.store import calendars, definitions
from app.store.database import Connection
from app.store.definitions import Definition
from app.store.runs import NewRun


@dataclass(frozen=True)
class RunRequest:
    """What somebody asks for when they trigger a job."""

    params: Mapping[str, Any] = field(default_factory=dict)
    trade_date: date | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None
    note: str | None = None

    def plain(self) -> dict[str, Any]:
        """The request as JSON has it, to tell a repeated one from another."""
        day = self.trade_date.isoformat() if self.trade_date else None
        return {**vars(self), "params": dict(self.params), "tags": dict(self.tags), "trade_date": day}


@dataclass(frozen=True)
class Cause:
    """Why a run exists. `depth` counts the runs before it that fired one another."""

    type: str = "manual"
    name: str | None = None
    depth: int = 0


def job_and_pipeline(connection: Connection, name: str) -> tuple[Definition, Definition]:
    """A job and the version of its pipeline that it runs now. Raises NotFound."""
    job = definitions.find(connection, "job", name)
    if job is None:
        if definitions.find(connection, "pipeline", name):
            raise NotFound(
                f"There is no job {name!r}; there is a pipeline of that name.", hint="Make a job of it: POST /api/v1/jobs."
            )
        definitions.get(connection, "job", name)
        raise AssertionError("unreachable")
    document = job.document
    return job, definitions.get(connection, "pipeline", document["pipeline"], document.get("pipeline_version"))


def accept(connection: Connection, catalogue: Catalogue, job_name: str, request: RunRequest, cause: Cause) -> NewRun:
    """The run that this request makes. Raises NotFound, or Invalid with a pointer into the request."""
    job, pipeline = job_and_pipeline(connection, job_name)
    params = effective_params(pipeline.document, job.document.get("params") or {}, dict(request.params))
    tags = {**(job.document.get("tags") or {}), **request.tags}
    priority = request.priority if request.priority is not None else document_priority(job.document)
    check_trade_date(connection, job.document.get("calendar"), request.trade_date)
    return new_run(
        job, pipeline, catalogue, params=params, tags=tags, priority=priority, trade_date=request.trade_date, cause=cause,
        note=request.note,
    )  # fmt: skip


def new_run(
    job: Definition,
    pipeline: Definition,
    catalogue: Catalogue,
    *,
    params: dict[str, Any],
    tags: dict[str, str],
    priority: int,
    trade_date: date | None,
    cause: Cause,
    note: str | None = None,
    retry_of: str | None = None,
    reused: dict[str, dict[str, Any]] | None = None,
    due_at: datetime | None = None,
) -> NewRun:
    """A run of these versions, with the limits that the job gives it and the code that the catalogue has."""
    document, ops = job.document, catalogue.by_name
    nodes = [(node["id"], ops[node["op"]].name if node["op"] in ops else node["op"]) for node in pipeline.document["nodes"]]
    return NewRun(
        job=job.name,
        job_version=job.version,
        pipeline=pipeline.name,
        pipeline_version=pipeline.version,
        nodes=nodes,
        params=params,
        tags=tags,
        priority=priority,
        trade_date=trade_date,
        cause_type=cause.type,
        cause_name=cause.name,
        depth=cause.depth,
        pools=pools_needed(pipeline.document, document, catalogue),
        code_versions={op: ops[op].code_version if op in ops else "" for _, op in nodes},
        retry=document.get("retry"),
        timeout_seconds=document.get("timeout_seconds"),
        memory_limit_bytes=document.get("memory_limit_bytes"),
        note=note,
        retry_of=retry_of,
        reused=reused or {},
        due_at=due_at,
    )


def check_trade_date(connection: Connection, calendar: str | None, day: date | None) -> None:
    """Raise Invalid unless the date is a known session, not after today; a job without a calendar takes any date."""
    if day is None or calendar is None:
        return
    today = clock.market_date()
    if day > today:
        raise _bad_date(f"{day} is after today ({today} in Shanghai)", "Ask for a session that has begun.")
    if calendars.is_session(connection, calendar, day):
        return
    horizon = calendars.get(connection, calendar)["horizon_date"]
    if day > horizon:
        raise _bad_date(f"whether {calendar} trades on {day} is not known: its calendar ends {horizon}", "Extend the calendar.")
    before = calendars.nth_back(connection, calendar, day, 1)
    after = calendars.first_after(connection, calendar, day)
    raise _bad_date(f"{day} is no session of {calendar}", f"The sessions beside it are {before} and {after}.")


def as_date(value: date | str | None) -> date | None:
    """A date, or its ISO text. Raises Invalid."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise _bad_date(f"{value[:40]!r} is no date", "Write it as 2026-11-20.") from None
    return value


def _bad_date(message: str, hint: str) -> Invalid:
    return Invalid("The trade date is not valid.", hint=hint, faults=[Fault("/trade_date", message)])
