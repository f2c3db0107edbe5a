"""What happened: runs, steps and their attempts, transitions; and who executes: workers, pools, slots."""

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    event,
)
from sqlalchemy import text as sql

from app.store import moves
from app.store.columns import Instant, Json
from app.store.status import Reason, RunStatus, StepStatus
from app.store.tables.metadata import instant, metadata, one_of, text

CAUSES = ("manual", "schedule", "trigger", "event", "backfill", "retry")
_DATED = "trade_date IS NOT NULL"

runs = Table(
    "runs",
    metadata,
    text("id", primary_key=True),  # a UUIDv7: its order is the order of arrival
    text("job"),
    Column("job_version", Integer, nullable=False),
    text("pipeline"),
    Column("pipeline_version", Integer, nullable=False),
    text("status"),
    text("reason", nullable=True),
    Column("error", Json),
    Column("params", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("trade_date", Date),
    text("cause_type"),
    text("cause_name", nullable=True),
    text("retry_of", nullable=True),
    text("note", nullable=True),
    text("reproduces", nullable=True),  # the run whose publications it compares with what it makes; it publishes nothing
    Column("comparison", Json),
    # Three counters: claims (the fence), what the retry policy pays for, children lost.
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("crash_count", Integer, nullable=False),
    Column("depth", Integer, nullable=False, server_default="0"),  # how many runs before it fired one another
    text("worker", nullable=True),
    text("interruption", nullable=True),  # why the last attempt ended and the run did not, as a sentence
    # What the run was accepted with; later versions of its job do not change it.
    Column("retry", Json),
    Column("timeout_seconds", Float),
    Column("memory_limit_bytes", BigInteger),
    Column("pools", Json, nullable=False),
    Column("code_versions", Json, nullable=False),
    Column("read_snapshot", Integer),
    instant("queued_at"),
    instant("due_at"),
    instant("rank_at"),
    instant("started_at", nullable=True),
    instant("finished_at", nullable=True),
    instant("cancel_requested_at", nullable=True),
    one_of("status", RunStatus),
    one_of("reason", Reason),
    one_of("cause_type", CAUSES),
    *(CheckConstraint(what, name=name) for name, what in moves.RUN_CHECKS.items()),
    CheckConstraint("attempt >= 0 AND failures >= 0 AND crash_count >= 0", name="counts"),
    Index("ix_runs_queue", "job", "rank_at", sqlite_where=sql("status = 'queued'"), postgresql_where=sql("status = 'queued'")),
    # Queued, said otherwise: by status = 'queued' SQLite would take this index for a claim too, and sort.
    Index(
        "ix_runs_due",
        "due_at",
        sqlite_where=sql("worker IS NULL AND finished_at IS NULL"),
        postgresql_where=sql("worker IS NULL AND finished_at IS NULL"),
    ),
    Index("ix_runs_running", "worker", sqlite_where=sql("status = 'running'"), postgresql_where=sql("status = 'running'")),
    Index("ix_runs_job_id", "job", "id"),
    Index("ix_runs_status_id", "status", "id"),
    Index("ix_runs_job_finished", "job", "finished_at"),
    Index("ix_runs_trade_date", "trade_date", "id"),
    # What became of a job's trade date is asked while others write: by (job, id) that would be all of its history.
    Index("ix_runs_job_trade_date", "job", "trade_date", "id", sqlite_where=sql(_DATED), postgresql_where=sql(_DATED)),
)

run_tags = Table(
    "run_tags",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    text("key", primary_key=True),
    text("value"),
    Index(None, "key", "value", "run_id"),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    text("node", primary_key=True),
    Column("position", Integer, nullable=False),
    text("op"),
    text("status"),
    text("reason", nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("run_attempt", Integer, nullable=False),
    Column("due_at", Instant),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("metrics", Json),
    Column("outputs", Json),
    Column("staged", Json),
    Column("error", Json),
    one_of("status", StepStatus),
    one_of("reason", Reason),
    *(CheckConstraint(what, name=name) for name, what in moves.STEP_CHECKS.items()),
)

for _dialect in ("sqlite", "postgresql"):
    for _statement in moves.guards(_dialect):
        _ddl: Any = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # it has no types
        event.listen(steps, "after_create", _ddl.execute_if(dialect=_dialect))

step_attempts = Table(
    "step_attempts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    text("node", primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("run_attempt", Integer, nullable=False),
    text("status"),
    text("reason", nullable=True),
    instant("started_at"),
    instant("finished_at", nullable=True),
    Column("metrics", Json),
    Column("error", Json),
    one_of("status", ("running", "succeeded", "failed", "cancelled")),
    one_of("reason", Reason),
    CheckConstraint("(status = 'running') = (finished_at IS NULL)", name="final_has_finish"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    instant("at"),
    text("subject"),  # run, step, worker, definition
    text("name"),  # the run's id, the worker's, the definition's
    text("node", nullable=True),
    text("job", nullable=True),
    text("from_status", nullable=True),
    text("to_status"),
    text("reason", nullable=True),
    Column("attempt", Integer),
    text("worker", nullable=True),
    Index("ix_transitions_name", "name", "seq"),
    sqlite_autoincrement=True,
)

logs = Table(
    "logs",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    text("path"),  # relative to the data dir
    Column("bytes", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("cut", Boolean, nullable=False),
)

pools = Table(
    "pools",
    metadata,
    text("name", primary_key=True),  # job:<name>, or a name of the user's
    Column("size", Integer, nullable=False),
    text("description", nullable=True),
    Column("managed_by", Text, nullable=False, server_default="api"),  # as of definitions
    text("file", nullable=True),
    CheckConstraint("size >= 0", name="size"),
)

slots = Table(
    "slots",
    metadata,
    text("pool", primary_key=True),
    Column("n", Integer, primary_key=True),
    text("job", nullable=True),  # whose own limit this is; null for a named pool
    text("run_id", nullable=True),
    Column("attempt", Integer),
    CheckConstraint("(run_id IS NULL) = (attempt IS NULL)", name="held_by_attempt"),
    Index("ix_slots_free", "job", sqlite_where=sql("run_id IS NULL"), postgresql_where=sql("run_id IS NULL")),
    Index(None, "run_id"),
)

workers = Table(
    "workers",
    metadata,
    text("id", primary_key=True),  # new at each start
    text("host"),
    Column("pid", Integer, nullable=False),
    Column("roles", Json, nullable=False),
    Column("slots", Integer, nullable=False),
    text("version"),
    text("catalogue", nullable=True),
    instant("started_at"),
    instant("renewed_at"),
    instant("lease_expires_at"),
    instant("stopped_at", nullable=True),
    text("ended", nullable=True),  # stopped, or how it was lost
    Index(None, "stopped_at"),
)
