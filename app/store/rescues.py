"""What becomes of a dead worker's runs: it is declared dead, and they go back to the queue."""

from sqlalchemy import Connection, select, update
from sqlalchemy import text as sql

from app import clock
from app.store import claims, endings, interruptions, transitions
from app.store.fence import Fence, guard
from app.store.status import Reason, RunStatus
from app.store.tables import runs, workers


def declare_dead(connection: Connection, worker: str, ended: str) -> None:
    """The worker claims and renews nothing any more; what it holds is still to be rescued. Idempotent.

    Waits for a claim of the worker's that is under way.
    """
    living = (workers.c.id == worker, workers.c.stopped_at.is_(None))
    # An update alone would not wait: a claim holds no more than the key.
    if connection.execute(select(workers.c.id).where(*living).with_for_update()).first() is not None:
        connection.execute(update(workers).where(*living).values(stopped_at=clock.now(), ended=ended))


def rescue(connection: Connection, worker: str, ended: str) -> list[str]:
    """Take a dead worker's runs from it, each as one lost child; answers their ids. Idempotent.

    `ended` says how, behind the worker's name: `stopped renewing its lease`.
    """
    declare_dead(connection, worker, ended)
    why = interruptions.of_worker(connection, worker, ended)
    held = select(runs.c.id, runs.c.attempt).where(runs.c.worker == worker, runs.c.status == RunStatus.running)
    rescued = []
    # Waits for a write of the dead worker that is under way: a run that is passed over here would never be looked at again.
    for row in connection.execute(held.with_for_update()).all():
        fence = Fence(row.id, worker, row.attempt)
        run = guard(connection, fence)
        claims.interrupt(connection, fence, Reason.lease_lost, interruptions.error(Reason.lease_lost, why))
        endings.crash(connection, fence, run, why)
        rescued.append(row.id)
    if rescued:
        transitions.add(connection, [{"subject": "worker", "name": worker, "to_status": "lost", "reason": Reason.lease_lost}])
    return rescued


def holders_gone(connection: Connection) -> list[str]:
    """Workers that stopped or were declared dead, and yet hold a run."""
    ended = select(workers.c.id).where(workers.c.stopped_at.is_not(None))
    query = select(runs.c.worker).distinct().where(runs.c.status == sql("'running'"), runs.c.worker.in_(ended))
    return [worker for worker in connection.execute(query).scalars() if worker]
