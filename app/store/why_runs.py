"""What a run's state says of why its job is not done: one reason for each run."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, select

from app import clock
from app.store.status import RunStatus, StepStatus
from app.store.tables import runs, steps
from app.store.waiting import Queue

SHOWN = 3
"""Runs of a trade date that are told of, the newest first."""

_NAMED = 5


class Reason(NamedTuple):
    """A link of the chain: what it is about, how that stands, and what that means."""

    job: str
    what: str
    name: str
    state: str
    sentence: str
    at: datetime | None = None
    run_id: str | None = None

    def plain(self) -> dict[str, Any]:
        """As the contract shows it."""
        return {**self._asdict(), "at": clock.iso(self.at) if self.at else None}


def newest(connection: Connection, job: str, day: date | None) -> Sequence[RowMapping]:
    """The newest runs of the job for that trade date; without one the newest of all."""
    query = select(runs).where(runs.c.job == job)
    if day is not None:
        query = query.where(runs.c.trade_date == day)
    return connection.execute(query.order_by(runs.c.id.desc()).limit(SHOWN)).mappings().all()


def succeeded(connection: Connection, job: str, day: date) -> RowMapping | None:
    """A run that succeeded for that trade date, the newest one."""
    query = select(runs).where(runs.c.job == job, runs.c.trade_date == day, runs.c.status == RunStatus.succeeded)
    return connection.execute(query.order_by(runs.c.id.desc()).limit(1)).mappings().first()


def reason(connection: Connection, run: RowMapping, queue: Queue) -> Reason:
    """Why this run has not succeeded, or that it has."""
    status = RunStatus(run["status"])
    at = run["finished_at"] or run["started_at"] or run["queued_at"]
    return Reason(run["job"], "run", run["id"], status.value, f"run {run['id']} {_told(connection, run, queue)}", at, run["id"])


def _told(connection: Connection, run: RowMapping, queue: Queue) -> str:
    match RunStatus(run["status"]):
        case RunStatus.queued:
            return _queued(run, queue)
        case RunStatus.running:
            return _running(connection, run)
        case RunStatus.succeeded:
            return f"succeeded at {clock.iso(run['finished_at'])}"
        case RunStatus.failed:
            return _failed(run)
        case RunStatus.cancelled:
            return f"was cancelled at {clock.iso(run['finished_at'])}"


def _failed(run: Mapping[Any, Any]) -> str:
    error = run["error"] or {}
    step = f" in step {error['node']!r}" if error.get("node") else ""
    said = f": {error['message']}" if error.get("message") else ""
    return f"failed{step} ({run['reason']}{said})"


def _running(connection: Connection, run: Mapping[Any, Any]) -> str:
    at_work = select(steps.c.node, steps.c.started_at).where(steps.c.run_id == run["id"], steps.c.status == StepStatus.running)
    found = connection.execute(at_work.order_by(steps.c.position).limit(_NAMED)).all()
    stopping = ", and is asked to stop" if run["cancel_requested_at"] is not None else ""
    if not found:
        return f"is running since {clock.iso(run['started_at'])}, between two steps{stopping}"
    named = " and ".join(f"step {row.node!r} since {clock.iso(row.started_at)}" for row in found)
    return f"is running: {named}{stopping}"


def _queued(run: Mapping[Any, Any], queue: Queue) -> str:
    again = " again" if run["attempt"] else ""
    return f"is queued{again}: {queue.reason(run)}"
