"""Why a queued run waits, as one sentence."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from app import clock
from app.store import catalogue, workers
from app.store.status import RunStatus
from app.store.tables import definitions, pools, slots


def reason(connection: Connection, run: Mapping[Any, Any], lack: str | None = None) -> str | None:
    """What a queued run waits for, in the order in which a claim would find it out; None for any other run.

    `lack` is what keeps every run from beginning, if something does.
    """
    if run["status"] != RunStatus.queued:
        return None
    return (
        _due(run)
        or _paused(connection, run["job"])
        or _nobody(connection, run["code_versions"])
        or lack
        or _full(connection, run["pools"])
        or "its turn: a worker will claim it"
    )


def _due(run: Mapping[Any, Any]) -> str | None:
    return f"its due time, {clock.iso(run['due_at'])}" if run["due_at"] > max(clock.now(), run["queued_at"]) else None


def _paused(connection: Connection, job: str) -> str | None:
    query = select(definitions.c.paused_at).where(definitions.c.kind == "job", definitions.c.name == job)
    return f"the job {job!r} is paused" if connection.execute(query).scalar() is not None else None


def _nobody(connection: Connection, ops: Mapping[str, str]) -> str | None:
    living = workers.registered(connection)
    if not living:
        return "no worker is alive"
    for row in living:
        # A worker that has not said yet what it has may have everything.
        if row["catalogue"] is None or ops.keys() <= catalogue.load(connection, row["catalogue"]).by_name.keys():
            return None
    return f"no living worker has all of its ops ({', '.join(sorted(ops))})"


def _full(connection: Connection, needed: Mapping[str, int]) -> str | None:
    for name, count in sorted(needed.items()):
        size = select(pools.c.size).where(pools.c.name == name)
        room = connection.execute(size).scalar() or 0
        held = connection.execute(select(func.count()).where(slots.c.pool == name, slots.c.run_id.is_not(None))).scalar_one()
        if room - held < count:
            return f"room in the pool {name!r}: {held} of {room} slots are held, it needs {count}"
    return None
