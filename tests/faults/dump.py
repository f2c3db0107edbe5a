"""The database's side of a history: what it says happened, read when all is over."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from app.store.database import Connection, Database
from app.store.tables import pools, runs, slots, snapshots, step_attempts, steps, transitions, workers
from app.store.workers import registered
from tests.faults.history import History

_RUN = (
    runs.c.id, runs.c.job, runs.c.status, runs.c.reason, runs.c.note, runs.c.retry_of, runs.c.attempt, runs.c.crash_count,
    runs.c.worker, runs.c.queued_at, runs.c.finished_at, runs.c.cancel_requested_at,
)  # fmt: skip
_ATTEMPT = (
    step_attempts.c.run_id, step_attempts.c.node, step_attempts.c.attempt, step_attempts.c.run_attempt,
    step_attempts.c.status, step_attempts.c.reason,
)  # fmt: skip
_QUERIES: dict[str, Select[Any]] = {
    "run": select(*_RUN).order_by(runs.c.id),
    "step": select(steps.c.run_id, steps.c.node, steps.c.status, steps.c.reason, steps.c.attempt),
    "attempt": select(*_ATTEMPT),
    "transition": select(transitions).where(transitions.c.subject.in_(("run", "step"))).order_by(transitions.c.seq),
    "snapshot": select(snapshots).order_by(snapshots.c.snapshot),
    "worker": select(workers.c.id, workers.c.pid, workers.c.started_at, workers.c.stopped_at, workers.c.ended),
    "pool": select(pools.c.name, pools.c.size),
    "slot": select(slots).where(slots.c.run_id.is_not(None)),
}


def dump(database: Database, history: History) -> None:
    """Append everything the checker asks of the database, as of one instant."""
    with database.read() as connection:
        for what, row in _rows(connection):
            # An `at` of the row's own would be taken for the line's.
            own = {("moved_at" if key == "at" else key): _plain(value) for key, value in row.items()}
            history.write("database", what, **own)


def settled(database: Database, living: int) -> bool:
    """Whether every run has ended, and no more workers are thought to live than do."""
    open_runs = select(func.count()).where(runs.c.finished_at.is_(None))
    with database.read() as connection:
        return not connection.execute(open_runs).scalar_one() and len(registered(connection)) <= living


def _rows(connection: Connection) -> Iterator[tuple[str, Any]]:
    for what, query in _QUERIES.items():
        for row in connection.execute(query).mappings():
            yield what, row


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value
