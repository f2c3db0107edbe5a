"""Backfills: a job done again for a range of trade dates, chunk by chunk."""

from sqlalchemy import CheckConstraint, Column, Date, Float, ForeignKey, Index, Integer, Table, Text

from app.store.columns import Json
from app.store.tables.metadata import instant, metadata, one_of, text

LIVE = ("running", "paused", "stopping")
FINAL = ("succeeded", "partly_failed", "failed", "cancelled")
ENDINGS = ("succeeded", "failed", "cancelled")
_IS_FINAL = "status IN ({})".format(", ".join(f"'{status}'" for status in FINAL))

backfills = Table(
    "backfills",
    metadata,
    text("id", primary_key=True),  # a UUIDv7
    text("job"),
    text("status"),
    text("reason", nullable=True),  # why it stopped before its end, as a sentence
    Column("request", Json, nullable=False),
    Column("first_date", Date, nullable=False),  # the range that was asked for
    Column("last_date", Date, nullable=False),
    Column("left_out", Json, nullable=False),
    # Chunks: all of them; those that were begun, in order; those that ended, by their ending.
    Column("total", Integer, nullable=False),
    Column("started", Integer, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("failed_in_a_row", Integer, nullable=False),
    Column("seconds", Float, nullable=False),  # that the ended chunks took, their waiting included
    instant("created_at"),
    text("created_by"),
    instant("paused_at", nullable=True),
    instant("cancel_requested_at", nullable=True),
    instant("finished_at", nullable=True),
    one_of("status", (*LIVE, *FINAL)),
    CheckConstraint("succeeded + failed + cancelled <= started AND started <= total", name="counts"),
    CheckConstraint(f"({_IS_FINAL}) = (finished_at IS NOT NULL)", name="final_has_finish"),
    Index(None, "job", "status"),
)

backfill_chunks = Table(
    "backfill_chunks",
    metadata,
    Column("backfill", Text, ForeignKey("backfills.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),  # from 0, in the order in which they are done
    Column("first_date", Date, nullable=False),
    Column("last_date", Date, nullable=False),
    Column("sessions", Integer, nullable=False),  # how many of them it is about
    text("run_id", nullable=True),
    text("outcome", nullable=True),
    text("detail", nullable=True),  # why no run could be made of it
    one_of("outcome", ENDINGS),
    Index("ux_backfill_chunks_run_id", "run_id", unique=True),
)
