"""The guarded core: who may execute a run, and how its execution ends. Every write carries the fence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, select, update
from sqlalchemy import text as sql

from app import clock
from app.errors import LeaseLost
from app.store import pools, transitions
from app.store.changes import QUEUE, run_topic
from app.store.database import touch
from app.store.status import CRASH_LIMIT, Reason, RunStatus, StepStatus
from app.store.tables import definitions, runs, slots, step_attempts, steps, workers
from app.store.tables import pools as pool_rows

_LOOKED_AT = 32
"""Jobs whose first due run a claim looks at before it gives up."""


@dataclass(frozen=True)
class Fence:
    """A worker's right to write a run: no other attempt may have begun since."""

    run_id: str
    worker: str
    attempt: int

    @property
    def holds(self) -> ColumnElement[bool]:
        """The condition of every write."""
        return and_(
            runs.c.id == self.run_id,
            runs.c.worker == self.worker,
            runs.c.attempt == self.attempt,
            runs.c.status == RunStatus.running,
        )


def claim(connection: Connection, worker: str, code_versions: Mapping[str, str]) -> Fence | None:
    """Take the first due run whose limits have room and whose ops this worker has; None when there is none.

    Walks the jobs with a free slot and takes each one's first due run from the index, so that neither a long queue nor a
    blocked job makes a claim slow.
    """
    now = clock.now()
    for job in connection.execute(_jobs_with_work(now)).scalars():
        run = connection.execute(_first(job, now)).mappings().first()
        if run is None or not run["code_versions"].keys() <= code_versions.keys():
            continue
        attempt = run["attempt"] + 1
        if pools.take(connection, run["pools"], run["id"], attempt):
            _begin(connection, run, worker, attempt, now, {op: code_versions[op] for op in run["code_versions"]})
            return Fence(run["id"], worker, attempt)
    return None


def _jobs_with_work(now: datetime) -> Select[Any]:
    """Jobs that have a free slot, are not paused and have a due run, in the order of their first due runs."""
    paused = select(definitions.c.name).where(definitions.c.kind == "job", definitions.c.paused_at.is_not(None))
    with_room = (
        select(slots.c.job)
        .distinct()
        .join(pool_rows, pool_rows.c.name == slots.c.pool)
        .where(slots.c.run_id.is_(None), slots.c.job.is_not(None), slots.c.n < pool_rows.c.size, slots.c.job.not_in(paused))
        .subquery()
    )
    first = select(runs.c.rank_at).where(*_due(with_room.c.job, now)).order_by(runs.c.rank_at).limit(1).scalar_subquery()
    rank = first.label("rank_at")
    ranked = select(with_room.c.job, rank).subquery()
    return select(ranked.c.job).where(ranked.c.rank_at.is_not(None)).order_by(ranked.c.rank_at).limit(_LOOKED_AT)


def _due(job: Any, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (runs.c.job == job, runs.c.status == sql("'queued'"), runs.c.due_at <= now)


def _first(job: str, now: datetime) -> Select[Any]:
    """The job's first due run that no other claimer looks at, kept from them until the commit."""
    columns = (runs.c.id, runs.c.job, runs.c.attempt, runs.c.pools, runs.c.code_versions, runs.c.started_at)
    query = select(*columns).where(*_due(job, now)).order_by(runs.c.rank_at).limit(1)
    return query.with_for_update(skip_locked=True)


def _begin(
    connection: Connection, run: RowMapping, worker: str, attempt: int, now: datetime, code_versions: dict[str, str]
) -> None:
    connection.execute(
        update(runs)
        .where(runs.c.id == run["id"], runs.c.status == RunStatus.queued)
        .values(
            status=RunStatus.running,
            worker=worker,
            attempt=attempt,
            code_versions=code_versions,
            started_at=run["started_at"] or now,
        )
    )
    _moved(connection, run["id"], run["job"], RunStatus.queued, RunStatus.running, None, attempt, worker)


def guard(connection: Connection, fence: Fence) -> RowMapping:
    """The run's row, locked for the transaction. Raises LeaseLost when another attempt owns it."""
    row = connection.execute(select(runs).where(fence.holds).with_for_update()).mappings().first()
    if row is None:
        raise LeaseLost(f"Attempt {fence.attempt} of run {fence.run_id} no longer owns it.")
    return row


def finish(
    connection: Connection, fence: Fence, status: RunStatus, reason: Reason | None = None, error: dict[str, Any] | None = None
) -> None:
    """End the run. Steps that did not end are cancelled with it. Raises LeaseLost."""
    run = guard(connection, fence)
    now = clock.now()
    _end_open_steps(connection, fence, StepStatus.cancelled, Reason.cancelled if status is RunStatus.cancelled else None, now)
    connection.execute(
        update(runs).where(fence.holds).values(status=status, reason=reason, error=error, finished_at=now, worker=None)
    )
    pools.free(connection, fence.run_id)
    _moved(connection, fence.run_id, run["job"], RunStatus.running, status, reason, fence.attempt, fence.worker)


def release(connection: Connection, fence: Fence, due_at: datetime, *, failures: int = 0, crashed: bool = False) -> RunStatus:
    """Give the run back to the queue, due then; answers what became of it: a lost child too many ends it. Raises LeaseLost."""
    run = guard(connection, fence)
    crash_count = run["crash_count"] + crashed
    if run["cancel_requested_at"] is not None:
        finish(connection, fence, RunStatus.cancelled, Reason.cancelled)
        return RunStatus.cancelled
    if crash_count >= CRASH_LIMIT:
        connection.execute(update(runs).where(fence.holds).values(crash_count=crash_count))
        _fail_interrupted(connection, fence)
        sentence = f"The run's process was lost {crash_count} times; its steps' attempts say how."
        finish(connection, fence, RunStatus.failed, Reason.crash_loop, {"type": "crash_loop", "message": sentence})
        return RunStatus.failed
    values = {"due_at": due_at, "crash_count": crash_count, "failures": run["failures"] + failures}
    connection.execute(update(runs).where(fence.holds).values(status=RunStatus.queued, worker=None, **values))
    pools.free(connection, fence.run_id)
    reason = Reason.interrupted if crashed else None
    _moved(connection, fence.run_id, run["job"], RunStatus.running, RunStatus.queued, reason, fence.attempt, fence.worker)
    return RunStatus.queued


def _end_open_steps(connection: Connection, fence: Fence, status: StepStatus, reason: Reason | None, now: datetime) -> None:
    open_steps = and_(steps.c.run_id == fence.run_id, steps.c.status.in_((StepStatus.pending, StepStatus.running)))
    connection.execute(update(steps).where(open_steps).values(status=status, reason=reason, finished_at=now))
    running = and_(step_attempts.c.run_id == fence.run_id, step_attempts.c.status == "running")
    connection.execute(update(step_attempts).where(running).values(status="cancelled", reason=reason, finished_at=now))


def rescue(connection: Connection, worker: str, ended: str) -> list[str]:
    """Take a dead worker's runs from it, each as one lost child; answers their ids. Idempotent."""
    gone = update(workers).where(workers.c.id == worker, workers.c.stopped_at.is_(None))
    connection.execute(gone.values(stopped_at=clock.now(), ended=ended))
    held = select(runs.c.id, runs.c.attempt).where(runs.c.worker == worker, runs.c.status == RunStatus.running)
    rescued = []
    for row in connection.execute(held.with_for_update(skip_locked=True)).all():
        fence = Fence(row.id, worker, row.attempt)
        interrupt(connection, fence, Reason.lease_lost)
        release(connection, fence, clock.now(), crashed=True)
        rescued.append(row.id)
    if rescued:
        transitions.add(connection, [{"subject": "worker", "name": worker, "to_status": "lost", "reason": Reason.lease_lost}])
    return rescued


def interrupt(connection: Connection, fence: Fence, reason: Reason, error: dict[str, Any] | None = None) -> None:
    """What was running when the process went begins again later, without spending a retry.

    The attempts keep the reason. So does the step, until it begins again: it is what a run that crashed too often shows.
    """
    now = clock.now()
    running = and_(step_attempts.c.run_id == fence.run_id, step_attempts.c.status == "running")
    ended = {"status": "failed", "reason": reason, "error": error, "finished_at": now}
    connection.execute(update(step_attempts).where(running).values(ended))
    again = and_(steps.c.run_id == fence.run_id, steps.c.status == StepStatus.running)
    connection.execute(update(steps).where(again).values(status=StepStatus.pending, reason=reason, error=error))


def _fail_interrupted(connection: Connection, fence: Fence) -> None:
    """What was interrupted when the last allowed process went has failed."""
    lost = and_(
        steps.c.run_id == fence.run_id,
        steps.c.status == StepStatus.pending,
        steps.c.started_at.is_not(None),
        steps.c.reason.in_((Reason.signal, Reason.exit, Reason.lease_lost)),
    )
    connection.execute(update(steps).where(lost).values(status=StepStatus.failed, finished_at=clock.now()))


def unclaimable(connection: Connection, known: set[str], limit: int = 100) -> list[str]:
    """Queued runs with an op that no worker has."""
    query = select(runs.c.id, runs.c.code_versions).where(runs.c.status == RunStatus.queued).order_by(runs.c.id).limit(limit)
    return [row.id for row in connection.execute(query) if not row.code_versions.keys() <= known]


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """When the next queued run that is not due yet will be."""
    query = select(func.min(runs.c.due_at)).where(runs.c.status == RunStatus.queued, runs.c.due_at > now)
    return connection.execute(query).scalar()


def _moved(
    connection: Connection,
    run_id: str,
    job: str,
    before: RunStatus,
    after: RunStatus,
    reason: Reason | None,
    attempt: int,
    worker: str,
) -> None:
    row = {
        "subject": "run",
        "name": run_id,
        "job": job,
        "from_status": before,
        "to_status": after,
        "reason": reason,
        "attempt": attempt,
        "worker": worker,
    }
    transitions.add(connection, [row])
    touch(connection, run_topic(run_id), QUEUE)
