"""The guarded core: who may execute a run, and how its execution ends. Every write carries the fence."""

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update
from sqlalchemy import text as sql

from app import clock
from app.errors import NotFound
from app.store import deadlines, driver, pools, releases, transitions, triggers
from app.store.changes import cancel_topic, run_topic
from app.store.columns import Instant
from app.store.database import touch
from app.store.fence import HOLDS, Fence
from app.store.prepared import Prepared
from app.store.status import CRASH_LIMIT, Reason, RunStatus, StepStatus
from app.store.tables import definitions, runs, slots, step_attempts, steps, workers
from app.store.tables import pools as pool_rows

_LOOKED_AT = 1000
"""Jobs whose first due run a claim looks at before it gives up: those that wait for a full pool must not hide the others."""


_PAUSED = select(definitions.c.name).where(definitions.c.kind == "job", definitions.c.paused_at.is_not(None))
_WITH_ROOM = (
    select(slots.c.job)
    .distinct()
    .join(pool_rows, pool_rows.c.name == slots.c.pool)
    .where(slots.c.run_id.is_(None), slots.c.job.is_not(None), slots.c.n < pool_rows.c.size, slots.c.job.not_in(_PAUSED))
    .subquery()
)


def _due(job: Any) -> tuple[ColumnElement[bool], ...]:
    # What is due from its acceptance on stays due when the wall clock is set back; whoever gives a run back at once says that
    # instant. A delay that ends before it is one all the same.
    due = or_(runs.c.due_at <= bindparam("now", type_=Instant), runs.c.due_at == runs.c.queued_at)
    # The status as a literal: with a parameter SQLite could not use the index of queued runs.
    return (runs.c.job == job, runs.c.status == sql("'queued'"), due)


_FIRST_RANK = select(runs.c.rank_at).where(*_due(_WITH_ROOM.c.job)).order_by(runs.c.rank_at).limit(1).scalar_subquery()
JOBS_WITH_ROOM = Prepared(select(_WITH_ROOM.c.job, _FIRST_RANK.label("rank_at")))
"""Jobs that have a free slot and are not paused, with the rank of their first due run or none. To sort them, SQLite takes
several times as long as to find them."""

FIRST_DUE = Prepared(
    select(runs).where(*_due(bindparam("of_job"))).order_by(runs.c.rank_at).limit(1).with_for_update(skip_locked=True)
)
"""A job's first due run that no other claimer looks at, kept from them until the commit."""

# Queued in the words of the index: neither held by a worker nor ended.
_LATER = (runs.c.worker.is_(None), runs.c.finished_at.is_(None), runs.c.due_at > bindparam("now", type_=Instant))
NEXT_DUE = select(func.min(runs.c.due_at)).where(*_LATER)

# Locked, so that whoever declares the worker dead waits for this claim and then takes its run over too; by the key alone, or the
# worker's own heartbeat would wait for its claims, of which there is always one under way.
_ALIVE = Prepared(
    select(workers.c.id)
    .where(workers.c.id == bindparam("by"), workers.c.stopped_at.is_(None))
    .with_for_update(read=True, key_share=True)
)
_BEGIN = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.status == RunStatus.queued)
    .values(
        status=RunStatus.running,
        worker=bindparam("by"),
        attempt=bindparam("claim"),
        code_versions=bindparam("code", type_=runs.c.code_versions.type),
        started_at=bindparam("begun", type_=Instant),
    )
)
_END = Prepared(
    update(runs)
    .where(HOLDS)
    .values(
        status=bindparam("to"),
        reason=bindparam("why"),
        error=bindparam("fault", type_=runs.c.error.type),
        finished_at=bindparam("ended", type_=Instant),
        worker=None,
    )
)


@dataclass(frozen=True)
class Claimed:
    """A run that is the worker's now, and its row as it was in the queue."""

    fence: Fence
    run: Mapping[str, Any]


def claim(connection: Connection, worker: str, code_versions: Mapping[str, str], limit: int) -> list[Claimed]:
    """Take the first due runs, at most `limit`, whose limits have room and whose ops this worker has.

    A worker that was declared dead gets nothing.

    Walks the jobs with a free slot and takes each one's first due run from the index, so that neither a long queue nor a
    blocked job makes a claim slow.
    """
    now = clock.now()
    if _ALIVE.first(connection, {"by": worker}) is None:
        return []
    claimed: list[Claimed] = []
    full: set[str] = set()
    # By rank; what stands here of a job is at most the rank of its first due run, which is asked when its turn comes.
    ranked = ((row["rank_at"], row["job"]) for row in JOBS_WITH_ROOM.all(connection, {"now": now}) if row["rank_at"])
    jobs = heapq.nsmallest(_LOOKED_AT, ranked)
    while jobs and len(claimed) < limit:
        rank, job = heapq.heappop(jobs)
        run = FIRST_DUE.first(connection, {"of_job": job, "now": now})
        if run is None or not run["code_versions"].keys() <= code_versions.keys() or full & run["pools"].keys():
            continue
        if jobs and run["rank_at"] > max(rank, jobs[0][0]):
            heapq.heappush(jobs, (run["rank_at"], job))
            continue
        fence = Fence(run["id"], worker, run["attempt"] + 1)
        if pools.take(connection, run["pools"], fence.run_id, fence.attempt):
            _begin(connection, run, fence, now, {op: code_versions[op] for op in run["code_versions"]})
            claimed.append(Claimed(fence, run))
            heapq.heappush(jobs, (run["rank_at"], job))
            continue
        # A pool that was too full for one may have room for another that needs less, unless it needs but one slot.
        full |= {pool for pool, count in run["pools"].items() if count == 1 and not pools.has_room(connection, pool)}
    return claimed


def _begin(connection: Connection, run: Mapping[str, Any], fence: Fence, now: datetime, code_versions: dict[str, str]) -> None:
    begun = run["started_at"] or now
    row = {"run": fence.run_id, "by": fence.worker, "claim": fence.attempt, "code": code_versions, "begun": begun}
    with driver.together(connection):
        _BEGIN.run(connection, [row])
        _moved(connection, fence, run["job"], RunStatus.queued, RunStatus.running)


def finish(
    connection: Connection,
    fence: Fence,
    run: Mapping[str, Any],
    status: RunStatus,
    reason: Reason | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """End the guarded run. Steps that did not end are cancelled with it."""
    now = clock.now()
    if status is not RunStatus.succeeded:
        _cancel_open_steps(connection, fence, Reason.cancelled if status is RunStatus.cancelled else None, now)
    with driver.together(connection):
        _END.run(connection, [{**fence.params, "to": status, "why": reason, "fault": error, "ended": now}])
        pools.free(connection, fence.run_id)
        _moved(connection, fence, run["job"], RunStatus.running, status, reason)
    if status is RunStatus.succeeded:
        deadlines.run_succeeded(connection, fence.run_id, run["job"])
    if reason is Reason.quality_gate:
        releases.block(connection, fence.run_id, str((error or {}).get("message") or reason))
    triggers.run_ended(connection, fence.run_id, run["job"])


def release(
    connection: Connection,
    fence: Fence,
    run: Mapping[str, Any],
    due_at: datetime,
    why: str,
    *,
    reason: Reason | None = None,
    failures: int = 0,
    crashed: bool = False,
) -> RunStatus:
    """Give the guarded run back to the queue, due then; answers what became of it: a lost child too many ends it.

    `why` is a sentence for the next attempt, `reason` the same for the history.
    """
    crash_count = run["crash_count"] + crashed
    if run["cancel_requested_at"] is not None:
        finish(connection, fence, run, RunStatus.cancelled, Reason.cancelled)
        return RunStatus.cancelled
    if crash_count >= CRASH_LIMIT:
        connection.execute(update(runs).where(HOLDS).values(crash_count=crash_count), fence.params)
        _fail_interrupted(connection, fence)
        sentence = f"The run's process was lost {crash_count} times. The last time: {why} Its steps' attempts say how each ended."
        finish(connection, fence, run, RunStatus.failed, Reason.crash_loop, {"type": "crash_loop", "message": sentence})
        return RunStatus.failed
    values = {"due_at": due_at, "crash_count": crash_count, "failures": run["failures"] + failures, "interruption": why}
    back = update(runs).where(HOLDS).values(status=RunStatus.queued, worker=None, **values)
    connection.execute(back, fence.params)
    pools.free(connection, fence.run_id)
    _moved(connection, fence, run["job"], RunStatus.running, RunStatus.queued, reason)
    return RunStatus.queued


def _cancel_open_steps(connection: Connection, fence: Fence, reason: Reason | None, now: datetime) -> None:
    open_steps = and_(steps.c.run_id == fence.run_id, steps.c.status.in_((StepStatus.pending, StepStatus.running)))
    connection.execute(update(steps).where(open_steps).values(status=StepStatus.cancelled, reason=reason, finished_at=now))
    running = and_(step_attempts.c.run_id == fence.run_id, step_attempts.c.status == "running")
    connection.execute(update(step_attempts).where(running).values(status="cancelled", reason=reason, finished_at=now))


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


def fail_unknown(connection: Connection, known: Collection[str], before: datetime) -> list[str]:
    """End runs that have waited since before that instant for an op that no worker has; answers their ids."""
    gone = select(steps.c.run_id).where(steps.c.status == StepStatus.pending, steps.c.op.not_in(known))
    query = select(runs.c.id, runs.c.job, runs.c.code_versions).where(
        runs.c.status == RunStatus.queued, runs.c.queued_at < before, runs.c.due_at < before, runs.c.id.in_(gone)
    )
    ended = []
    for run in connection.execute(query.order_by(runs.c.id).limit(_LOOKED_AT).with_for_update(skip_locked=True)):
        missing = ", ".join(repr(op) for op in sorted(run.code_versions.keys() - known))
        sentence = f"No worker has the op {missing}: its module is gone or broken."
        _end_queued(connection, run.id, run.job, RunStatus.failed, Reason.unknown_op, sentence)
        ended.append(run.id)
    return ended


def held_by(connection: Connection, worker: str) -> list[Fence]:
    """What the worker is executing, by the database."""
    query = select(runs.c.id, runs.c.attempt).where(runs.c.worker == worker, runs.c.status == sql("'running'"))
    return [Fence(row.id, worker, row.attempt) for row in connection.execute(query)]


def _end_queued(
    connection: Connection, run_id: str, job: str, status: RunStatus, reason: Reason, sentence: str | None = None
) -> None:
    now = clock.now()
    error = {"type": reason.value, "message": sentence} if sentence else None
    values = {"status": status, "reason": reason, "error": error, "finished_at": now}
    connection.execute(update(runs).where(runs.c.id == run_id, runs.c.status == RunStatus.queued).values(values))
    open_steps = and_(steps.c.run_id == run_id, steps.c.status == StepStatus.pending)
    cut = {"status": StepStatus.cancelled, "reason": Reason.cancelled if status is RunStatus.cancelled else None}
    connection.execute(update(steps).where(open_steps).values(**cut, finished_at=now))
    row = {"subject": "run", "name": run_id, "job": job, "from_status": RunStatus.queued, "to_status": status, "reason": reason}
    transitions.add(connection, [row])
    touch(connection, run_topic(run_id))
    triggers.run_ended(connection, run_id, job)


def request_cancel(connection: Connection, run_id: str) -> RunStatus:
    """Mark the run as asked to stop; a queued one is cancelled at once. Answers its status now. Raises NotFound.

    A final run stays what it is: the ending is what happened.
    """
    row = connection.execute(select(runs.c.status, runs.c.job).where(runs.c.id == run_id).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no run {run_id!r}.")
    current = RunStatus(row.status)
    if current.is_final:
        return current
    marked = update(runs).where(runs.c.id == run_id, runs.c.cancel_requested_at.is_(None))
    connection.execute(marked.values(cancel_requested_at=clock.now()))
    touch(connection, run_topic(run_id), cancel_topic(run_id))
    if current is RunStatus.running:
        return current
    _end_queued(connection, run_id, row.job, RunStatus.cancelled, Reason.cancelled)
    return RunStatus.cancelled


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """When the next queued run that is not due yet will be."""
    return connection.execute(NEXT_DUE, {"now": now}).scalar()


def _moved(
    connection: Connection, fence: Fence, job: str, before: RunStatus, after: RunStatus, reason: Reason | None = None
) -> None:
    row = {"subject": "run", "name": fence.run_id, "job": job, "from_status": before, "to_status": after, "reason": reason}
    transitions.add(connection, [{**row, "attempt": fence.attempt, "worker": fence.worker}])
    touch(connection, run_topic(fence.run_id))
