"""What fires and when: every firing, joins of several upstreams, outside events, who listens to what; and what is promised."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Index, Integer, Table, Text
from sqlalchemy import text as sql

from app.store.columns import Json
from app.store.tables.metadata import instant, metadata, one_of, text

FIRES = ("schedule", "trigger")
OUTCOMES = ("fired", "skipped", "missed", "held", "failed")
PROMISED = ("open", "met", "late", "missing", "excused", "held")

# One row for every moment at which a schedule or a trigger could have fired; never deleted while its run is kept.
firings = Table(
    "firings",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    text("kind"),
    text("name"),
    Column("version", Integer, nullable=False),  # of the definition that was evaluated
    text("key"),  # what it is unique by: the due instant, the upstream run, the event, the file's content, the join's round
    instant("due_at"),
    text("outcome"),
    text("reason", nullable=True),
    text("detail", nullable=True),  # the reason as a sentence
    Column("trade_date", Date),
    text("run_id", nullable=True),
    instant("decided_at"),
    Column("times", Integer, nullable=False, server_default="1"),  # a long outage's candidates share a row
    one_of("kind", FIRES),
    one_of("outcome", OUTCOMES),
    Index("ux_firings_key", "kind", "name", "key", unique=True),
    Index("ix_firings_due", "kind", "name", "due_at"),
    Index("ix_firings_held", "name", sqlite_where=sql("outcome = 'held'"), postgresql_where=sql("outcome = 'held'")),
    Index("ix_firings_run_id", "run_id"),
    sqlite_autoincrement=True,
)

joins = Table(
    "joins",
    metadata,
    text("trigger", primary_key=True),
    text("key", primary_key=True),  # the trade date; empty for runs without one
    Column("round", Integer, primary_key=True),
    Column("arrived", Json, nullable=False),  # upstream job -> the run that ended as wanted
    instant("opened_at"),
    instant("deadline_at", nullable=True),
    instant("closed_at", nullable=True),
    Index("ix_joins_deadline", "deadline_at", sqlite_where=sql("closed_at IS NULL"), postgresql_where=sql("closed_at IS NULL")),
)

# What a trigger waits for, so that whoever ends a run finds its triggers by an index: `job:<name>`, `event:<name>`.
listens = Table(
    "listens",
    metadata,
    text("topic", primary_key=True),
    text("trigger", primary_key=True),
    Index(None, "trigger"),
)

events = Table(
    "events",
    metadata,
    text("id", primary_key=True),  # a UUIDv7
    text("name"),
    Column("payload", Json, nullable=False),
    instant("received_at"),
    Column("received_from", Text, nullable=False),
    Index(None, "name", "id"),
)

# A deadline's word for each trade date, from the beginning of its session on; known of days on which nothing ran too.
promises = Table(
    "promises",
    metadata,
    text("deadline", primary_key=True),
    Column("trade_date", Date, primary_key=True),
    Column("version", Integer, nullable=False),  # of the deadline
    instant("due_at"),
    text("outcome"),
    instant("met_at", nullable=True),
    text("run_id", nullable=True),
    text("detail", nullable=True),
    instant("predicted_at", nullable=True),
    Column("predicted_late", Boolean),
    text("prediction", nullable=True),  # why, as a sentence
    instant("decided_at"),
    one_of("outcome", PROMISED),
    CheckConstraint("(outcome IN ('met', 'late')) = (met_at IS NOT NULL)", name="met_is_known"),
    Index("ix_promises_open", "due_at", sqlite_where=sql("outcome = 'open'"), postgresql_where=sql("outcome = 'open'")),
)
