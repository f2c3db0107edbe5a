"""Pipelines, jobs, schedules, triggers and deadlines as rows: one idea, a named document with immutable versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, insert, select, update

from app import clock
from app.definitions.names import suggestion
from app.errors import AlreadyExists, InUse, NotFound
from app.store import transitions
from app.store.changes import QUEUE
from app.store.database import touch
from app.store.prepared import Prepared
from app.store.tables import definitions, runs, versions

Kind = Literal["pipeline", "job", "schedule", "trigger", "deadline"]
ManagedBy = Literal["catalog", "api", "file"]
_USERS_NAMED = 5
_EVERY = 1_000_000
_USED_BY: dict[Kind, tuple[Kind, ...]] = {
    "pipeline": ("job",),
    "job": ("schedule", "trigger", "deadline"),
    "schedule": (),
    "trigger": (),
    "deadline": (),
}


@dataclass(frozen=True)
class Definition:
    """One version of a definition, and how its name stands now."""

    kind: Kind
    name: str
    version: int
    document: dict[str, Any]
    hash: str
    managed_by: ManagedBy
    created_at: datetime
    created_by: str
    paused_at: datetime | None
    latest_version: int
    file: str | None = None


@dataclass(frozen=True)
class Saved:
    """What saving did: a new name, a new version of one, or nothing since the document was the same."""

    definition: Definition
    created: bool
    changed: bool


_COLUMNS = (
    versions.c.kind,
    versions.c.name,
    versions.c.version,
    versions.c.document,
    versions.c.hash,
    definitions.c.managed_by,
    versions.c.created_at,
    versions.c.created_by,
    definitions.c.paused_at,
    definitions.c.version.label("latest_version"),
    definitions.c.file,
)
_JOINED = definitions.join(versions, and_(versions.c.kind == definitions.c.kind, versions.c.name == definitions.c.name))


_IS = and_(definitions.c.kind == bindparam("of_kind"), definitions.c.name == bindparam("named"))
_LATEST = Prepared(
    select(*_COLUMNS)
    .select_from(_JOINED)
    .where(_IS, versions.c.version == definitions.c.version, definitions.c.deleted_at.is_(None))
)
_VERSION = Prepared(select(*_COLUMNS).select_from(_JOINED).where(_IS, versions.c.version == bindparam("numbered")))


def _definition(row: RowMapping) -> Definition:
    return Definition(**row)


def find(connection: Connection, kind: Kind, name: str, version: int | None = None) -> Definition | None:
    """A version of a definition (the latest unless told), or None; deleted names only by an explicit version."""
    key = {"of_kind": kind, "named": name}
    row = _LATEST.first(connection, key) if version is None else _VERSION.first(connection, {**key, "numbered": version})
    return Definition(**row) if row else None


def get(connection: Connection, kind: Kind, name: str, version: int | None = None) -> Definition:
    """A version of a definition, the latest unless told. Raises NotFound, with the nearest name."""
    found = find(connection, kind, name, version)
    if found is not None:
        return found
    if version is not None and (latest := find(connection, kind, name)):
        raise NotFound(f"The {kind} {name!r} has no version {version}; its latest is {latest.version}.")
    raise NotFound(f"There is no {kind} {name!r}{suggestion(name, names(connection, kind)).rstrip('?')}.")


def names(connection: Connection, kind: Kind) -> list[str]:
    """The names in use, in order."""
    query = select(definitions.c.name).where(definitions.c.kind == kind, definitions.c.deleted_at.is_(None))
    return list(connection.execute(query.order_by(definitions.c.name)).scalars())


def page(connection: Connection, kind: Kind, after: str, limit: int, tag: tuple[str, str] | None = None) -> list[Definition]:
    """The latest versions of the names behind `after`, by name; with `tag`, of those that bear it."""
    query = (
        select(*_COLUMNS)
        .select_from(_JOINED)
        .where(
            definitions.c.kind == kind,
            definitions.c.deleted_at.is_(None),
            versions.c.version == definitions.c.version,
            definitions.c.name > after,
        )
    )
    if tag is not None:
        query = query.where(versions.c.document["tags"][tag[0]].as_string() == tag[1])
    return [_definition(row) for row in connection.execute(query.order_by(definitions.c.name).limit(limit)).mappings()]


def every(connection: Connection, kind: Kind) -> list[Definition]:
    """The latest version of every one in use, by name."""
    return page(connection, kind, "", _EVERY)


def history(connection: Connection, kind: Kind, name: str) -> list[Definition]:
    """Every version, newest first. Raises NotFound."""
    get(connection, kind, name)
    query = select(*_COLUMNS).select_from(_JOINED).where(definitions.c.kind == kind, definitions.c.name == name)
    return [_definition(row) for row in connection.execute(query.order_by(versions.c.version.desc())).mappings()]


def users(connection: Connection, kind: Kind, name: str) -> list[str]:
    """Who uses the definition, as `job 'x'`; of a job's runs that have not ended, some."""
    query = select(definitions.c.kind, definitions.c.name).where(
        definitions.c.kind.in_(_USED_BY[kind]), definitions.c.uses == name, definitions.c.deleted_at.is_(None)
    )
    found = [f"{row.kind} {row.name!r}" for row in connection.execute(query.order_by(definitions.c.kind, definitions.c.name))]
    if kind != "job":
        return found
    open_runs = select(runs.c.id).where(runs.c.job == name, runs.c.status.in_(("queued", "running"))).limit(_USERS_NAMED)
    return found + [f"run {run_id}" for run_id in connection.execute(open_runs).scalars()]


class How(TypedDict):
    """By whom a document is saved, what it uses, who manages it from then on, and whether the name must be new."""

    by: str
    uses: NotRequired[str | None]
    managed_by: NotRequired[ManagedBy]
    create_only: NotRequired[bool]


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
    """Store the document: a new name, or a new version unless it is the same. Raises AlreadyExists if `create_only`."""
    name = str(document["name"])
    lock(connection, kind, name)
    known = find(connection, kind, name)
    if known and known.hash == document_hash:
        return Saved(known, created=False, changed=False)
    if known and create_only:
        raise AlreadyExists(
            f"There is another {kind} {name!r} already (version {known.version}).",
            hint=f"PUT the document to make a new version of {name!r}, or choose another name.",
        )
    version = _next_version(connection, kind, name)
    now = clock.now()
    _keep(connection, kind, name, version, uses, managed_by, now)
    connection.execute(
        insert(versions).values(
            kind=kind, name=name, version=version, document=dict(document), hash=document_hash, created_at=now, created_by=by
        )
    )
    transitions.add(connection, [{"subject": kind, "name": name, "to_status": f"version {version}", "worker": by}])
    return Saved(get(connection, kind, name), created=known is None, changed=True)


def lock(connection: Connection, kind: Kind, name: str) -> None:
    """Whoever else saves under this name, or asks for it, waits for the commit: two must not overlook each other."""
    row = select(definitions.c.name).where(definitions.c.kind == kind, definitions.c.name == name)
    connection.execute(row.with_for_update())


def _next_version(connection: Connection, kind: Kind, name: str) -> int:
    query = select(func.max(versions.c.version)).where(versions.c.kind == kind, versions.c.name == name)
    return (connection.execute(query).scalar() or 0) + 1


def _keep(
    connection: Connection, kind: Kind, name: str, version: int, uses: str | None, managed_by: ManagedBy, now: datetime
) -> None:
    values = {"version": version, "uses": uses, "managed_by": managed_by, "updated_at": now, "deleted_at": None}
    values |= {"file": None, "file_paused": None}
    key = and_(definitions.c.kind == kind, definitions.c.name == name)
    if not connection.execute(update(definitions).where(key).values(values)).rowcount:
        connection.execute(insert(definitions).values(kind=kind, name=name, created_at=now, **values))


def mark_shipped(connection: Connection, kind: Kind, name: str, document_hash: str) -> None:
    """Remember which document a start planted, to tell a user's edit from an upgrade."""
    key = and_(definitions.c.kind == kind, definitions.c.name == name)
    connection.execute(update(definitions).where(key).values(shipped_hash=document_hash))


def may_plant(connection: Connection, kind: Kind, name: str, document_hash: str) -> bool:
    """Whether a start may store a shipped document: the name is new, or nobody touched it and the shipped one changed."""
    key = and_(definitions.c.kind == kind, definitions.c.name == name)
    row = connection.execute(select(definitions.c.shipped_hash, definitions.c.deleted_at, definitions.c.file).where(key)).first()
    if row is None:
        return True
    if row.deleted_at is not None or row.file is not None or row.shipped_hash in (None, document_hash):
        return False
    current = find(connection, kind, name)
    return current is not None and current.hash == row.shipped_hash


def pause(connection: Connection, kind: Kind, name: str, *, paused: bool) -> Definition:
    """Pause or resume it. Raises NotFound."""
    found = get(connection, kind, name)
    if (found.paused_at is not None) != paused:
        key = and_(definitions.c.kind == kind, definitions.c.name == name)
        connection.execute(update(definitions).where(key).values(paused_at=clock.now() if paused else None))
        transitions.add(connection, [{"subject": kind, "name": name, "to_status": "paused" if paused else "resumed"}])
        touch(connection, QUEUE)
    return get(connection, kind, name)


def delete(connection: Connection, kind: Kind, name: str) -> None:
    """Mark it deleted; versions and history stay. Raises NotFound, or InUse with the users."""
    get(connection, kind, name)
    if used_by := users(connection, kind, name):
        raise InUse(f"The {kind} {name!r} is used by {', '.join(used_by)}.", hint="Delete, or cancel, those first.")
    key = and_(definitions.c.kind == kind, definitions.c.name == name)
    connection.execute(update(definitions).where(key).values(deleted_at=clock.now(), paused_at=None))
    transitions.add(connection, [{"subject": kind, "name": name, "to_status": "deleted"}])
