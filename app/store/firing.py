"""Fires a job: its run and the ledger's row in one transaction, or the row that says why there is no run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from app.errors import OpenbellError
from app.store import acceptance, audit, catalogue, definitions, runs
from app.store.acceptance import Cause, RunRequest
from app.store.definitions import Definition
from app.store.firings import Firing
from app.store.status import RunStatus
from app.store.tables import runs as run_rows

OPEN = (RunStatus.queued, RunStatus.running)
NOTE_LIMIT = 300


@dataclass(frozen=True)
class Wish:
    """What a schedule or a trigger asks for when it fires."""

    job: str
    params: Mapping[str, Any]
    trade_date: date | None
    cause: Cause
    priority: int | None = None
    note: str | None = None


def fire(connection: Connection, wish: Wish, blank: Firing) -> Firing:
    """Make the run and answer its ledger row: `fired`, or why it was left out. The row is the caller's to write.

    At the queue's limit it has `failed`, and is not caught up: a moment that waited until thousands of runs are done is past.
    """
    job = definitions.find(connection, "job", wish.job)
    if job is None:
        return replace(blank, outcome="failed", reason="no_job", detail=f"there is no job {wish.job!r} any more")
    if job.paused_at is not None:
        return replace(blank, outcome="skipped", reason="job_paused", detail=f"the job {wish.job!r} is paused")
    if (limit := full_queue(connection)) is not None:
        detail = f"{limit} runs wait already, as many as OPENBELL_QUEUE_LIMIT allows"
        return replace(blank, outcome="failed", reason="queue_full", detail=detail, trade_date=wish.trade_date)
    request = RunRequest(params=wish.params, trade_date=wish.trade_date, priority=wish.priority, note=wish.note)
    try:
        new = acceptance.accept(connection, catalogue.current(connection), wish.job, request, wish.cause)
    except OpenbellError as error:
        return replace(blank, outcome="failed", reason="refused", detail=_sentence(error), trade_date=wish.trade_date)
    accepted = runs.enqueue(connection, new)
    audit.add(connection, f"{blank.kind}:{blank.name}", "enqueue", "run", accepted.id, {"job": wish.job})
    return replace(blank, outcome="fired", run_id=accepted.id, trade_date=wish.trade_date)


def of(definition: Definition, key: str, due_at: Any, trade_date: date | None = None) -> Firing:
    """A ledger row of that schedule or trigger, not decided yet."""
    kind: Any = definition.kind
    return Firing(kind, definition.name, definition.version, key, due_at, "held", trade_date=trade_date)


def open_run(connection: Connection, job: str, trade_date: date | None) -> str | None:
    """A run of the job that has not ended, of that trade date where there is one."""
    query = select(run_rows.c.id).where(run_rows.c.job == job, run_rows.c.status.in_(OPEN))
    if trade_date is not None:
        query = query.where(run_rows.c.trade_date == trade_date)
    return connection.execute(query.order_by(run_rows.c.id).limit(1)).scalar()


def full_queue(connection: Connection) -> int | None:
    """The limit, where so many runs wait. It is exact: whoever fires asks in the transaction that would make the run."""
    limit: int | None = connection.info.get("queue_limit")
    if limit is None:
        return None
    last = select(run_rows.c.id).where(run_rows.c.status == RunStatus.queued).offset(limit - 1).limit(1)
    return limit if connection.execute(last).first() is not None else None


def _sentence(error: OpenbellError) -> str:
    faults = "; ".join(f"{fault.pointer}: {fault.message}" for fault in error.faults)
    return f"{error.detail} {faults}".strip()
