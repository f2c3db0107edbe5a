"""The rows, by noun. CHECKs refuse what must not be; names are fixed so that migrations are stable."""

from app.store.tables.backfills import backfill_chunks, backfills
from app.store.tables.definitions import calendar_overrides, calendars, catalogue, definitions, sessions, versions
from app.store.tables.lake import (
    dataset_files,
    dataset_versions,
    files,
    lake,
    releases,
    run_datasets,
    snapshots,
    turns,
)
from app.store.tables.metadata import metadata
from app.store.tables.people import api_keys, audit, idempotency
from app.store.tables.runs import (
    logs,
    pools,
    run_tags,
    runs,
    slots,
    step_attempts,
    steps,
    transitions,
    workers,
)
from app.store.tables.time import events, firings, joins, listens, promises

__all__ = [
    "api_keys",
    "audit",
    "backfill_chunks",
    "backfills",
    "calendar_overrides",
    "calendars",
    "catalogue",
    "dataset_files",
    "dataset_versions",
    "definitions",
    "events",
    "files",
    "firings",
    "idempotency",
    "joins",
    "lake",
    "listens",
    "logs",
    "metadata",
    "pools",
    "promises",
    "releases",
    "run_datasets",
    "run_tags",
    "runs",
    "sessions",
    "slots",
    "snapshots",
    "step_attempts",
    "steps",
    "transitions",
    "turns",
    "versions",
    "workers",
]
