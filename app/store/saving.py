"""Saving, pausing and deleting definitions with what follows from it: a job's limit, a schedule's plan, a trigger's ears."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from app import clock
from app.store import definitions, lookouts, pools, schedules, triggers
from app.store.definitions import Definition, Kind, ManagedBy, Saved


def save(
    connection: Connection,
    kind: Kind,
    document: Mapping[str, Any],
    document_hash: str,
    *,
    by: str,
    uses: str | None = None,
    managed_by: ManagedBy = "api",
    create_only: bool = False,
) -> Saved:
    """Store the document, as `definitions.save`. Of a schedule what had come until now is decided by the version before."""
    now, name = clock.now(), str(document["name"])
    if kind == "schedule":
        schedules.evaluate(connection, name, now)
    saved = definitions.save(
        connection, kind, document, document_hash, by=by, uses=uses, managed_by=managed_by, create_only=create_only
    )
    if kind == "job":
        pools.resize(connection, pools.job_pool(name), document.get("max_concurrent_runs") or 1)
    if saved.changed and kind == "schedule":
        schedules.begin(connection, name, now)
    if saved.changed and kind == "trigger":
        triggers.listen(connection, name, document["when"])
        if "file" in document["when"] or "vendor_ready" in document["when"]:
            lookouts.begin(connection, name, now)
        else:
            lookouts.look_at(connection, name, None)
    return saved


def pause(connection: Connection, kind: Kind, name: str, *, paused: bool) -> Definition:
    """Pause or resume it. What comes while it is paused is written down as skipped. Raises NotFound."""
    if kind == "schedule":
        schedules.evaluate(connection, name, clock.now())
    return definitions.pause(connection, kind, name, paused=paused)


def delete(connection: Connection, kind: Kind, name: str) -> None:
    """Mark it deleted; its history stays. Raises NotFound, or InUse with the users."""
    definitions.delete(connection, kind, name)
    if kind == "schedule":
        schedules.end(connection, name)
    if kind == "trigger":
        triggers.listen(connection, name, None)
        lookouts.look_at(connection, name, None)
