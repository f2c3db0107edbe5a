"""Worker processes: each is a row with a lease, new at every start."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from app import clock
from app.store import catalogue, rescues, transitions
from app.store.status import RunStatus
from app.store.tables import runs, workers


def register(
    connection: Connection, worker: str, *, host: str, pid: int, roles: list[str], slots: int, version: str, lease: timedelta
) -> None:
    """Make the worker known; its lease begins now."""
    now = clock.now()
    connection.execute(
        insert(workers).values(
            id=worker,
            host=host,
            pid=pid,
            roles=roles,
            slots=slots,
            version=version,
            started_at=now,
            renewed_at=now,
            lease_expires_at=now + lease,
        )
    )
    transitions.add(connection, [{"subject": "worker", "name": worker, "to_status": "started"}])


def set_catalogue(connection: Connection, worker: str, digest: str) -> None:
    """Say which catalogue the worker's children have."""
    connection.execute(update(workers).where(workers.c.id == worker).values(catalogue=digest))


def renew(connection: Connection, worker: str, lease: timedelta) -> bool:
    """Prolong the lease; False when somebody declared the worker dead."""
    now = clock.now()
    alive = update(workers).where(workers.c.id == worker, workers.c.stopped_at.is_(None))
    return bool(connection.execute(alive.values(renewed_at=now, lease_expires_at=now + lease)).rowcount)


def deregister(connection: Connection, worker: str) -> None:
    """The worker ended in order."""
    rescues.declare_dead(connection, worker, "stopped")
    transitions.add(connection, [{"subject": "worker", "name": worker, "to_status": "stopped"}])


def registered(connection: Connection) -> list[dict[str, Any]]:
    """Workers that neither stopped nor were declared dead, with the runs they hold."""
    held = select(func.count()).where(runs.c.worker == workers.c.id, runs.c.status == RunStatus.running).scalar_subquery()
    query = select(workers, held.label("running")).where(workers.c.stopped_at.is_(None)).order_by(workers.c.started_at)
    return [dict(row) for row in connection.execute(query).mappings()]


def others(connection: Connection, worker: str, digest: str) -> list[tuple[str, list[str]]]:
    """Living workers whose catalogue is not this worker's: who each is, and which ops differ."""
    own = catalogue.load(connection, digest)
    return [
        (f"{row['host']} process {row['pid']}", catalogue.difference(own, catalogue.load(connection, row["catalogue"])))
        for row in registered(connection)
        if row["id"] != worker and row["catalogue"] not in (None, digest)
    ]


def catalogues_since(connection: Connection, instant: datetime) -> set[str]:
    """Digests of the catalogues of all that work, or did at that instant or later."""
    lately = or_(workers.c.stopped_at.is_(None), workers.c.stopped_at >= instant)
    return set(connection.execute(select(workers.c.catalogue).where(lately, workers.c.catalogue.is_not(None))).scalars())


def any_alive(connection: Connection) -> bool:
    """Whether somebody would execute a run now."""
    query = select(workers.c.id).where(workers.c.stopped_at.is_(None), workers.c.lease_expires_at >= clock.now())
    return connection.execute(query.limit(1)).first() is not None
