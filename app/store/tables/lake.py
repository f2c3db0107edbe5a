"""What is published: files, versions of datasets, snapshots over all of them, and who read or wrote which."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Float, ForeignKey, Index, Integer, Table, Text

from app.store.columns import Json
from app.store.tables.metadata import instant, metadata, one_of, text

# One row: whoever publishes locks it, so that the order of snapshots is the order of commits.
lake = Table(
    "lake",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("snapshot", Integer, nullable=False),
    text("source", nullable=True),
    text("identity", nullable=True),  # the same as in the lake's own file
    CheckConstraint("id = 1", name="single"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("snapshot", Integer, primary_key=True, autoincrement=False),
    instant("published_at"),
    text("run_id", nullable=True),
    text("node", nullable=True),
    Column("attempt", Integer),
    text("kind"),
    Column("restores", Integer),  # the snapshot whose files a restore names again
    instant("pinned_at", nullable=True),
    text("pinned_by", nullable=True),
    text("pin_reason", nullable=True),
    instant("retired_at", nullable=True),  # from then on it names no file: retention took its versions away
    one_of("kind", ("publish", "restore")),
    Index(None, "run_id"),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    text("dataset", primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("snapshot", Integer, ForeignKey("snapshots.snapshot"), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("min_date", Date),
    Column("max_date", Date),
    Column("quality", Float),
    Column("facts", Json, nullable=False),
    Index(None, "snapshot"),
)

files = Table(
    "files",
    metadata,
    Column("id", Integer, primary_key=True),
    text("path"),  # relative to the lake
    text("dataset"),
    text("partition"),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("min_date", Date),
    Column("max_date", Date),
    text("run_id", nullable=True),
    instant("published_at"),
    Index(None, "path", unique=True),
)

# A file belongs to every version from from_version up to, but not with, until_version.
dataset_files = Table(
    "dataset_files",
    metadata,
    text("dataset", primary_key=True),
    Column("partition", Text, primary_key=True),
    Column("from_version", Integer, primary_key=True),
    Column("until_version", Integer),
    Column("file_id", Integer, ForeignKey("files.id"), nullable=False),
    Index(None, "file_id"),
)

run_datasets = Table(
    "run_datasets",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    text("dataset", primary_key=True),
    text("mode", primary_key=True),
    Column("snapshot", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    text("node", nullable=True),
    one_of("mode", ("read", "published")),
)

# What became of a trade date, newest last: a row for every snapshot that changed it, and for every run that a gate stopped.
releases = Table(
    "releases",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("trade_date", Date, nullable=False),
    text("status"),
    Column("snapshot", Integer, ForeignKey("snapshots.snapshot")),
    text("run_id", nullable=True),
    Column("coverage", Float),
    Column("datasets", Json),  # name -> version and rows, of what was announced
    text("detail", nullable=True),  # why, as a sentence
    instant("decided_at"),
    one_of("status", ("complete", "partial", "blocked", "withdrawn")),
    CheckConstraint("(status = 'blocked') = (snapshot IS NULL)", name="blocked_has_no_snapshot"),
    Index("ix_releases_trade_date_seq", "trade_date", "seq"),
    Index("ux_releases_trade_date_snapshot", "trade_date", "snapshot", unique=True),
    sqlite_autoincrement=True,
)

# A queue: publications that were overtaken, in the order in which that happened. No instant: nobody compares clocks.
turns = Table(
    "turns",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    text("worker"),
    Column("attempt", Integer, nullable=False),
    text("node"),
    Column("step_attempt", Integer, nullable=False),
    Column("datasets", Json, nullable=False),
    Column("patience_seconds", Float, nullable=False),
    Index(None, "run_id", unique=True),
    # A number is never used again, or a new turn would be taken for one that stood still.
    sqlite_autoincrement=True,
)
