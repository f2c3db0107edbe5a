"""A run from its acceptance to the mark that it is to stop: enqueue, find, list, cancel, and a new run that retries one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, insert, select
from uuid_utils import uuid7

from app import clock
from app.errors import NotFound
from app.store import transitions
from app.store.changes import QUEUE, run_topic
from app.store.database import touch
from app.store.prepared import Prepared
from app.store.status import PRIORITY_SECONDS, RunStatus, StepStatus
from app.store.tables import run_tags, runs, step_attempts, steps


@dataclass(frozen=True)
class NewRun:
    """What a run is accepted with. `nodes` are (node, op) in an order that respects the edges."""

    job: str
    job_version: int
    pipeline: str
    pipeline_version: int
    nodes: Sequence[tuple[str, str]]
    params: dict[str, Any]
    tags: dict[str, str]
    priority: int
    trade_date: date | None
    cause_type: str
    pools: dict[str, int]
    code_versions: dict[str, str]
    cause_name: str | None = None
    depth: int = 0
    retry: dict[str, Any] | None = None
    timeout_seconds: float | None = None
    memory_limit_bytes: int | None = None
    note: str | None = None
    retry_of: str | None = None
    reproduces: str | None = None
    read_snapshot: int | None = None
    """The snapshot to build on; None: the newest when it first asks."""
    due_at: datetime | None = None
    reused: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rows of finished steps that a retry takes over, by node."""


@dataclass(frozen=True)
class Accepted:
    """A run's rows as they were stored."""

    run: dict[str, Any]
    steps: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self.run["id"])


_INSERT_RUN, _INSERT_TAGS, _INSERT_STEPS = (Prepared(insert(table).inline(), table.c.keys()) for table in (runs, run_tags, steps))


def enqueue(connection: Connection, new: NewRun) -> Accepted:
    """Accept a run. Durable once the transaction commits."""
    run = as_accepted(new)
    run_id = run["id"]
    _INSERT_RUN.run(connection, [run])
    if new.tags:
        _INSERT_TAGS.run(connection, [{"run_id": run_id, "key": key, "value": value} for key, value in new.tags.items()])
    own = [_step(run_id, new, position) for position in range(len(new.nodes))]
    _INSERT_STEPS.run(connection, own)
    transitions.add(connection, [{"subject": "run", "name": run_id, "job": new.job, "to_status": RunStatus.queued}])
    touch(connection, QUEUE, run_topic(run_id))
    return Accepted(run, own)


_AS_ACCEPTED = (
    "job", "job_version", "pipeline", "pipeline_version", "params", "tags", "priority", "trade_date", "cause_type", "cause_name",
    "depth", "retry_of", "reproduces", "read_snapshot", "note", "retry", "timeout_seconds", "memory_limit_bytes", "pools",
    "code_versions",
)  # fmt: skip
_UNKNOWN_YET = ("reason", "error", "worker", "interruption", "comparison", "started_at", "finished_at", "cancel_requested_at")


def as_accepted(new: NewRun) -> dict[str, Any]:
    """The row of a run that is accepted now, under a new id."""
    now = clock.now()
    return {
        "id": str(uuid7()),
        "status": RunStatus.queued.value,
        **{name: getattr(new, name) for name in _AS_ACCEPTED},
        **dict.fromkeys(_UNKNOWN_YET),
        **dict.fromkeys(("attempt", "failures", "crash_count"), 0),
        "queued_at": now,
        "due_at": new.due_at or now,
        # Ageing by a constant: the order never has to be computed anew, so an index can hold it.
        "rank_at": now - timedelta(seconds=new.priority * PRIORITY_SECONDS),
    }


def _step(run_id: str, new: NewRun, position: int) -> dict[str, Any]:
    node, op = new.nodes[position]
    row = {
        "run_id": run_id,
        "node": node,
        "position": position,
        "op": op,
        "status": StepStatus.pending.value,
        **dict.fromkeys(("attempt", "failures", "run_attempt"), 0),
        **dict.fromkeys(("reason", "due_at", "started_at", "finished_at", "metrics", "outputs", "staged", "error")),
    }
    return {**row, **new.reused.get(node, {})}


def queued(connection: Connection) -> int:
    """How many runs wait."""
    return connection.execute(select(func.count()).where(runs.c.status == RunStatus.queued)).scalar_one()


_GET = select(runs).where(runs.c.id == bindparam("run"))
_STATUS = select(runs.c.status).where(runs.c.id == bindparam("run"))
_STEPS = select(steps).where(steps.c.run_id.in_(bindparam("runs", expanding=True))).order_by(steps.c.run_id, steps.c.position)
_OWN_STEPS = Prepared(select(steps).where(steps.c.run_id == bindparam("run")).order_by(steps.c.position))


def get(connection: Connection, run_id: str) -> RowMapping:
    """A run's row. Raises NotFound."""
    row = connection.execute(_GET, {"run": run_id}).mappings().first()
    if row is None:
        raise NotFound(f"There is no run {run_id!r}.")
    return row


def status(connection: Connection, run_id: str) -> RunStatus:
    """A run's status alone. Raises NotFound."""
    found = connection.execute(_STATUS, {"run": run_id}).scalar()
    if found is None:
        raise NotFound(f"There is no run {run_id!r}.")
    return RunStatus(found)


@dataclass(frozen=True)
class Filter:
    """Which runs a list shows; all that is given must hold. `since` and `until` are about `queued_at`."""

    job: str | None = None
    status: str | None = None
    tag: tuple[str, str] | None = None
    trade_date: date | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(connection: Connection, wanted: Filter, before: str | None, limit: int) -> Sequence[RowMapping]:
    """Runs older than the id `before`, newest first."""
    query = _filtered(select(runs), wanted)
    if before is not None:
        query = query.where(runs.c.id < before)
    return connection.execute(query.order_by(runs.c.id.desc()).limit(limit)).mappings().all()


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.job is not None:
        query = query.where(runs.c.job == wanted.job)
    if wanted.status is not None:
        query = query.where(runs.c.status == wanted.status)
    if wanted.trade_date is not None:
        query = query.where(runs.c.trade_date == wanted.trade_date)
    if wanted.since is not None:
        query = query.where(runs.c.queued_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(runs.c.queued_at < wanted.until)
    if wanted.tag is not None:
        key, value = wanted.tag
        query = query.join(run_tags, run_tags.c.run_id == runs.c.id).where(run_tags.c.key == key, run_tags.c.value == value)
    return query


def own_steps(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The run's steps in its pipeline's order, for its execution."""
    return _OWN_STEPS.all(connection, {"run": run_id})


def steps_of(connection: Connection, run_ids: Sequence[str]) -> Sequence[RowMapping]:
    """The steps of these runs, in their pipelines' order."""
    return connection.execute(_STEPS, {"runs": list(run_ids)}).mappings().all()


def attempts_of(connection: Connection, run_id: str) -> Sequence[RowMapping]:
    """Every try of the run's steps, first tries first."""
    query = select(step_attempts).where(step_attempts.c.run_id == run_id).order_by(step_attempts.c.attempt)
    return connection.execute(query).mappings().all()
