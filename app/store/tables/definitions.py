"""What can run, as rows: versioned documents of every kind, the catalogue, the calendars."""

from sqlalchemy import Boolean, Column, Date, ForeignKeyConstraint, Index, Integer, Table, Text
from sqlalchemy import text as sql

from app.store.columns import Json
from app.store.tables.metadata import instant, metadata, one_of, text

KINDS = ("pipeline", "job", "schedule", "trigger", "deadline")
MANAGED_BY = ("catalog", "api", "file")

_WAITS = "next_at IS NOT NULL"

# One idea behind pipelines, jobs, schedules and triggers: a named document with immutable versions.
definitions = Table(
    "definitions",
    metadata,
    text("kind", primary_key=True),
    text("name", primary_key=True),
    Column("version", Integer, nullable=False),
    text("uses", nullable=True),  # a job's pipeline; a schedule's or trigger's job
    text("managed_by"),
    text("shipped_hash", nullable=True),  # of the document that a start planted last
    instant("created_at"),
    instant("updated_at"),
    instant("paused_at", nullable=True),
    instant("deleted_at", nullable=True),
    instant("planned_until", nullable=True),  # a schedule's: firings up to here have been decided
    instant("next_at", nullable=True),  # when it has to be looked at next
    text("file", nullable=True),  # where its document stands, of one that is managed by a file
    Column("file_paused", Boolean),  # whether that file said `paused` when it was applied last
    one_of("kind", KINDS),
    one_of("managed_by", MANAGED_BY),
    Index(None, "kind", "uses"),
    Index("ix_definitions_next", "kind", "next_at", sqlite_where=sql(_WAITS), postgresql_where=sql(_WAITS)),
)

versions = Table(
    "versions",
    metadata,
    text("kind", primary_key=True),
    text("name", primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", Json, nullable=False),
    text("hash"),
    instant("created_at"),
    text("created_by"),
    ForeignKeyConstraint(["kind", "name"], ["definitions.kind", "definitions.name"]),
)

# A worker's row names the digest of its catalogue; hosts with other code have another digest.
catalogue = Table(
    "catalogue",
    metadata,
    text("digest", primary_key=True),
    text("kind", primary_key=True),
    text("name", primary_key=True),
    text("code_version", nullable=True),
    Column("spec", Json, nullable=False),
    instant("seen_at"),
    one_of("kind", ("op", "query", "module")),
    Index(None, "seen_at"),
)

calendars = Table(
    "calendars",
    metadata,
    text("id", primary_key=True),
    Column("version", Integer, nullable=False),
    text("source"),
    Column("horizon_date", Date, nullable=False),  # the source's
    text("hash"),
    instant("planted_at"),
    Column("timezone", Text, nullable=False, server_default="Asia/Shanghai"),
    Column("hours", Json),  # [{"since": date, "phases": [[name, "09:30", "11:30"], ...]}, ...]
    Column("stamp", Text, nullable=False, server_default=""),  # made anew whenever a day, an hour or the horizon changes
    Column("extended_until", Date),  # how far the overrides reach where they reach past the source's horizon
    Column("disagreements", Json),  # [{"date": date, "said": {source: whether it is a session}}, ...]
    text("made_by", nullable=True),  # of one that no source plants
)

sessions = Table(
    "sessions",
    metadata,
    Column("calendar", Text, primary_key=True),
    Column("session_date", Date, primary_key=True),
    Column("phases", Json),  # for each of the date's sessions its phases; null: the calendar's hours
)

# What people know better than the source: it stands over the source's answer, and survives the next one.
calendar_overrides = Table(
    "calendar_overrides",
    metadata,
    Column("calendar", Text, primary_key=True),
    Column("session_date", Date, primary_key=True),
    Column("is_session", Boolean, nullable=False),
    Column("phases", Json),
    text("reason"),
    instant("made_at"),
    text("made_by"),
)
