"""Backfills as rows: each next chunk's run is made in the transaction that ends the one before. Nobody polls.

What a person may do to one is in `backfilling`: this module is what an ending run needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from app import clock
from app.definitions.backfill import RANGE_PARAMS, Backfill, backfill_of
from app.errors import NotFound, OpenbellError
from app.store import acceptance, catalogue, pools, runs, transitions
from app.store.acceptance import Cause, RunRequest
from app.store.status import RunStatus
from app.store.tables import backfill_chunks as chunks
from app.store.tables import backfills, listens
from app.store.tables import runs as run_rows

_EARS = "backfill:"
"""How a live backfill stands among what listens to its job: no trigger's name holds a colon."""


@dataclass(frozen=True)
class Over:
    """A backfill that has ended: what was done of it, for the triggers that waited."""

    id: str
    job: str
    status: str
    triggers: str
    first: date
    last: date
    newest: Mapping[str, RowMapping]
    """By status, the run of the newest trade date that ended so."""

    done: tuple[date, date] | None
    """The first and the last trade date that were done."""

    @property
    def key(self) -> str:
        """The ledger's."""
        return f"backfill {self.id}"

    @property
    def range(self) -> str:
        """For people."""
        return f"{self.first} to {self.last}"

    @property
    def is_silent(self) -> bool:
        """Whether it fires nothing, whatever was done."""
        return self.triggers == "none" or self.status == "cancelled"

    def silence(self, wanted: str) -> tuple[str, str]:
        """Why a trigger that waits for this status is not fired: reason and sentence."""
        said = f"the backfill {self.id} of {self.job!r} for {self.range}"
        if wanted not in self.newest:
            return "other_status", f"{said} {self.status}; this waits for {wanted}"
        return "backfill", f"{said} was cancelled" if self.status == "cancelled" else f"{said} was asked to fire nothing"


def pool_of(backfill: str) -> str:
    """The pool that limits its runs."""
    return f"{pools.BACKFILL}{backfill}"


def listen(connection: Connection, backfill: str, job: str) -> None:
    """Hear of the job's endings, by the look into an index that every ending run takes anyway."""
    connection.execute(insert(listens).values(topic=f"job:{job}", trigger=_EARS + backfill))


def is_backfill(listener: str) -> bool:
    """Whether what listens is a backfill, and no trigger."""
    return listener.startswith(_EARS)


def get(connection: Connection, backfill: str, *, lock: bool = False) -> dict[str, Any]:
    """Its row, locked for the transaction if asked. Raises NotFound."""
    query = select(backfills).where(backfills.c.id == backfill)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NotFound(f"There is no backfill {backfill[:60]!r}.", hint="GET /api/v1/backfills lists them.")
    return dict(row)


def live(row: Mapping[str, Any]) -> int:
    """How many of its chunks have a run that has not ended."""
    return int(row["started"] - row["succeeded"] - row["failed"] - row["cancelled"])


def run_ended(connection: Connection, run: RowMapping) -> tuple[str, Over | None]:
    """A backfill's run has ended: count it and begin the next chunk. Answers when its triggers fire, and how all of it ended
    if this was the last.

    The backfill's row is locked first: of two that end together the second sees what the first did.
    """
    try:
        row = get(connection, run["cause_name"], lock=True)
    except NotFound:
        return "each", None
    own = (chunks.c.backfill == row["id"], chunks.c.run_id == run["id"], chunks.c.outcome.is_(None))
    if not connection.execute(update(chunks).where(*own).values(outcome=run["status"])).rowcount:
        return "none", None
    # The clock may have been set back in between.
    row["seconds"] += max((run["finished_at"] - run["queued_at"]).total_seconds(), 0.0)
    _count(connection, row, run["status"], f"run {run['id']} of {run['trade_date']}: {_said(run)}")
    return backfill_of(row["request"]).triggers, advance(connection, row)


def advance(connection: Connection, row: dict[str, Any]) -> Over | None:
    """Begin as many chunks as may be under way, and write the row; how it ended, when nothing is left to do.

    Nothing succeeds meanwhile, so at most `stop_after` chunks are refused here: a transaction that ends a run stays short.
    """
    wanted = backfill_of(row["request"])
    while row["status"] == "running" and row["started"] < row["total"] and live(row) < wanted.max_concurrent_runs:
        _begin(connection, row, wanted)
    is_over = not live(row) and (row["started"] == row["total"] or row["status"] == "stopping")
    if is_over:
        _end(connection, row)
    connection.execute(update(backfills).where(backfills.c.id == row["id"]).values(row))
    return _over(connection, row, wanted) if is_over else None


def move(connection: Connection, row: dict[str, Any], status: str) -> None:
    """Give the row another status, and tell who watches."""
    told = {"subject": "backfill", "name": row["id"], "job": row["job"], "from_status": row["status"], "to_status": status}
    row["status"] = status
    transitions.add(connection, [told])


def _count(connection: Connection, row: dict[str, Any], outcome: str, what: str) -> None:
    row[outcome] += 1
    if outcome == RunStatus.succeeded:
        row["failed_in_a_row"] = 0
    elif outcome == RunStatus.failed:
        row["failed_in_a_row"] += 1
        if row["status"] != "stopping":
            row["reason"] = f"the last chunk that failed: {what}"[:1000]
        limit = backfill_of(row["request"]).stop_after
        if row["failed_in_a_row"] >= limit and row["status"] != "stopping":
            move(connection, row, "stopping")
            row["reason"] = f"{limit} chunks in a row failed, the last one: {what}"[:1000]


def _said(run: RowMapping) -> str:
    message = str((run["error"] or {}).get("message") or "").partition("\n")[0]
    return f"{run['reason']}: {message}" if message else str(run["reason"])


def _begin(connection: Connection, row: dict[str, Any], wanted: Backfill) -> None:
    own = (chunks.c.backfill == row["id"], chunks.c.n == row["started"])
    chunk = connection.execute(select(chunks).where(*own)).mappings().one()
    row["started"] += 1
    try:
        new = acceptance.accept(
            connection, catalogue.current(connection), row["job"], _request(wanted, chunk), Cause("backfill", row["id"])
        )
    except OpenbellError as error:
        # The job or the calendar changed since: that must not undo the ending of the run before.
        detail = f"{error.detail} {'; '.join(f'{fault.pointer}: {fault.message}' for fault in error.faults)}".strip()[:1000]
        connection.execute(update(chunks).where(*own).values(outcome="failed", detail=detail))
        _count(connection, row, "failed", detail)
        return
    accepted = runs.enqueue(connection, replace(new, pools={**new.pools, pool_of(row["id"]): 1}))
    connection.execute(update(chunks).where(*own).values(run_id=accepted.id))


def _request(wanted: Backfill, chunk: Mapping[Any, Any]) -> RunRequest:
    params = dict(wanted.params)
    if wanted.chunk != "date":
        ends = (chunk["first_date"].isoformat(), chunk["last_date"].isoformat())
        params |= dict(zip(RANGE_PARAMS, ends, strict=True))
    return RunRequest(params=params, trade_date=chunk["last_date"], priority=wanted.priority)


def _end(connection: Connection, row: dict[str, Any]) -> None:
    if row["cancel_requested_at"] is not None:
        status = "cancelled"
    elif row["status"] == "stopping" or (row["total"] and not row["succeeded"]):
        status = "failed"
    else:
        status = "partly_failed" if row["failed"] or row["cancelled"] else "succeeded"
    move(connection, row, status)
    row["finished_at"] = clock.now()
    connection.execute(delete(listens).where(listens.c.trigger == _EARS + row["id"]))
    pools.discard(connection, pool_of(row["id"]))


def _over(connection: Connection, row: Mapping[str, Any], wanted: Backfill) -> Over:
    newest = {}
    for status in (RunStatus.succeeded, RunStatus.failed, RunStatus.cancelled):
        ended = (chunks.c.backfill == row["id"], chunks.c.outcome == status, chunks.c.run_id.is_not(None))
        last = select(chunks.c.run_id).where(*ended).order_by(chunks.c.last_date.desc()).limit(1)
        run = connection.execute(select(run_rows).where(run_rows.c.id == last.scalar_subquery())).mappings().first()
        if run is not None:
            newest[status.value] = run
    succeeded = (chunks.c.backfill == row["id"], chunks.c.outcome == RunStatus.succeeded)
    ends = connection.execute(select(func.min(chunks.c.first_date), func.max(chunks.c.last_date)).where(*succeeded)).one()
    done = (ends[0], ends[1]) if ends[0] is not None else None
    return Over(row["id"], row["job"], row["status"], wanted.triggers, row["first_date"], row["last_date"], newest, done)


def range_for(connection: Connection, job: str, over: Over) -> dict[str, str]:
    """What was done as params for a job that follows, if its pipeline takes a range; else nothing."""
    if over.done is None or not takes_range(connection, job):
        return {}
    return {name: day.isoformat() for name, day in zip(RANGE_PARAMS, over.done, strict=True)}


def takes_range(connection: Connection, job: str) -> bool:
    """Whether the job's pipeline takes a range instead of one trade date."""
    try:
        _, pipeline = acceptance.job_and_pipeline(connection, job)
    except NotFound:
        return False
    return all(name in pipeline.document.get("params", {}) for name in RANGE_PARAMS)


def page(
    connection: Connection, *, job: str | None = None, status: str | None = None, before: str | None = None, limit: int = 100
) -> Sequence[dict[str, Any]]:
    """Backfills older than the id `before`, newest first."""
    query = select(backfills)
    if job is not None:
        query = query.where(backfills.c.job == job)
    if status is not None:
        query = query.where(backfills.c.status == status)
    if before is not None:
        query = query.where(backfills.c.id < before)
    return [dict(row) for row in connection.execute(query.order_by(backfills.c.id.desc()).limit(limit)).mappings()]


def chunk_page(connection: Connection, backfill: str, after: int | None, limit: int) -> Sequence[dict[str, Any]]:
    """Its chunks behind that number, in the order in which they are done, each with its run's status."""
    query = select(chunks, run_rows.c.status).outerjoin(run_rows, run_rows.c.id == chunks.c.run_id)
    query = query.where(chunks.c.backfill == backfill, chunks.c.n > (-1 if after is None else after))
    return [dict(row) for row in connection.execute(query.order_by(chunks.c.n).limit(limit)).mappings()]
