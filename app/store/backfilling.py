"""What a person does with a backfill: make, pause, resume, cancel. Each in one transaction with the runs it makes or ends."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select
from uuid_utils import uuid7

from app import clock
from app.definitions.backfill import Backfill
from app.errors import Conflict
from app.store import backfills, claims, pools, transitions, triggers
from app.store.backfill_plan import Plan
from app.store.status import RunStatus
from app.store.tables import backfill_chunks as chunks
from app.store.tables import backfills as rows
from app.store.tables import definitions, runs
from app.store.tables.backfills import FINAL, LIVE


def create(connection: Connection, job: str, wanted: Backfill, plan: Plan, by: str) -> dict[str, Any]:
    """Store the backfill and begin its first chunks. Raises Conflict where one of the job that is not over overlaps it."""
    named = (definitions.c.kind == "job", definitions.c.name == job)
    # Whoever makes another of this job waits for the commit: two must not overlook each other.
    connection.execute(select(definitions.c.name).where(*named).with_for_update())
    refuse_overlap(connection, job, wanted.first, wanted.last)
    backfill_id = str(uuid7())
    row = {
        "id": backfill_id, "job": job, "status": "running", "reason": None, "request": wanted.document,
        "first_date": wanted.first, "last_date": wanted.last, "left_out": list(plan.left_out), "total": len(plan.chunks),
        **dict.fromkeys(("started", "succeeded", "failed", "cancelled", "failed_in_a_row"), 0), "seconds": 0.0,
        "created_at": clock.now(), "created_by": by, "paused_at": None, "cancel_requested_at": None, "finished_at": None,
    }  # fmt: skip
    connection.execute(insert(rows).values(row))
    if plan.chunks:
        own = [
            {"backfill": backfill_id, "n": n, "first_date": chunk.first, "last_date": chunk.last, "sessions": chunk.sessions}
            for n, chunk in enumerate(plan.chunks)
        ]
        connection.execute(insert(chunks), own)
    transitions.add(connection, [{"subject": "backfill", "name": backfill_id, "job": job, "to_status": "running"}])
    pools.resize(connection, backfills.pool_of(backfill_id), wanted.max_concurrent_runs)
    backfills.listen(connection, backfill_id, job)
    return _advanced(connection, row)


def refuse_overlap(connection: Connection, job: str, first: date, last: date) -> None:
    """Raise Conflict with the id of one that is not over and about some of these days."""
    within = (rows.c.job == job, rows.c.status.in_(LIVE), rows.c.first_date <= last, rows.c.last_date >= first)
    other = connection.execute(select(rows.c.id, rows.c.status, rows.c.first_date, rows.c.last_date).where(*within)).first()
    if other is not None:
        raise Conflict(
            f"The backfill {other.id} of {job!r} for {other.first_date} to {other.last_date} is {other.status}.",
            hint=f"Wait for it, or POST /api/v1/backfills/{other.id}/cancel.",
        )


def pause(connection: Connection, backfill: str) -> dict[str, Any]:
    """Begin no further chunk; what is under way ends. Raises NotFound, Conflict."""
    row = backfills.get(connection, backfill, lock=True)
    if row["status"] == "paused":
        return row
    _must_be(row, "running")
    row["paused_at"] = clock.now()
    backfills.move(connection, row, "paused")
    return _advanced(connection, row)


def resume(connection: Connection, backfill: str) -> dict[str, Any]:
    """Go on with the next chunk. Raises NotFound, Conflict."""
    row = backfills.get(connection, backfill, lock=True)
    if row["status"] == "running":
        return row
    _must_be(row, "paused")
    row["paused_at"] = None
    backfills.move(connection, row, "running")
    return _advanced(connection, row)


def cancel(connection: Connection, backfill: str) -> dict[str, Any]:
    """Begin no further chunk, and ask what is under way to stop. Raises NotFound, Conflict."""
    # The runs before the backfill, as an ending run locks them: else the two could wait for each other.
    _under_way(connection, backfill)
    row = backfills.get(connection, backfill, lock=True)
    if row["status"] in FINAL:
        _must_be(row, "running")
    if row["cancel_requested_at"] is None:
        row["cancel_requested_at"] = clock.now()
        if row["status"] != "stopping":
            backfills.move(connection, row, "stopping")
    row = _advanced(connection, row)
    for run_id in _under_way(connection, backfill):
        claims.request_cancel(connection, run_id)
    return backfills.get(connection, backfill)


def _under_way(connection: Connection, backfill: str) -> list[str]:
    """The runs of its chunks that have not ended, locked."""
    own = select(chunks.c.run_id).where(chunks.c.backfill == backfill, chunks.c.run_id.is_not(None), chunks.c.outcome.is_(None))
    open_runs = (runs.c.id.in_(own), runs.c.status.in_((RunStatus.queued, RunStatus.running)))
    return list(connection.execute(select(runs.c.id).where(*open_runs).order_by(runs.c.id).with_for_update()).scalars())


def _advanced(connection: Connection, row: dict[str, Any]) -> dict[str, Any]:
    over = backfills.advance(connection, row)
    if over is not None:
        triggers.backfill_over(connection, over)
    return row


def _must_be(row: dict[str, Any], status: str) -> None:
    if row["status"] != status:
        hint = 'To do what is left: POST another one with "only": "missing".' if row["status"] in FINAL else None
        raise Conflict(f"The backfill {row['id']} is {row['status']}.", hint=hint)
