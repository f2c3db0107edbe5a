"""Saving, pausing and deleting definitions with what follows from it: a job's limit, a schedule's plan, a trigger's ears."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack

from sqlalchemy import Connection

from app import clock
from app.store import deadlines, definitions, lookouts, pools, schedules, triggers
from app.store.definitions import Definition, How, Kind, Saved


def save(
    connection: Connection,
    kind: Kind,
    document: Mapping[str, Any],
    document_hash: str,
    **how: Unpack[How],
) -> Saved:
    """Store the document, as `definitions.save`. What had come until now is decided by the version before."""
    now, name = clock.now(), str(document["name"])
    _catch_up(connection, kind, name, now)
    saved = definitions.save(connection, kind, document, document_hash, **how)
    if kind == "job":
        pools.resize(connection, pools.job_pool(name), document.get("max_concurrent_runs") or 1)
    if saved.changed and kind == "job":
        triggers.job_changed(connection, document)
    if saved.changed and kind == "schedule":
        schedules.begin(connection, name, now)
    if saved.changed and kind == "deadline":
        deadlines.begin(connection, name, now)
    if saved.changed and kind == "trigger":
        triggers.listen(connection, name, document["when"])
        if "file" in document["when"] or "vendor_ready" in document["when"]:
            lookouts.begin(connection, name, now)
        else:
            lookouts.look_at(connection, name, None)
    return saved


def _catch_up(connection: Connection, kind: Kind, name: str, now: datetime) -> None:
    if kind == "schedule":
        schedules.finish(connection, name, now)
    if kind == "deadline":
        deadlines.evaluate(connection, name, now)


def pause(connection: Connection, kind: Kind, name: str, *, paused: bool) -> Definition:
    """Pause or resume it. What comes while it is paused is written down as skipped, or excused. Raises NotFound."""
    _catch_up(connection, kind, name, clock.now())
    return definitions.pause(connection, kind, name, paused=paused)


def delete(connection: Connection, kind: Kind, name: str) -> None:
    """Mark it deleted; its history stays, and what had come until now is decided. Raises NotFound, or InUse with the users."""
    _catch_up(connection, kind, name, clock.now())
    definitions.delete(connection, kind, name)
    if kind == "schedule":
        schedules.end(connection, name)
    if kind == "deadline":
        deadlines.end(connection, name, clock.now())
    if kind == "trigger":
        triggers.listen(connection, name, None)
        lookouts.look_at(connection, name, None)
