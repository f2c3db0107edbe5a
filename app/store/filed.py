"""Definitions that a file manages: whose each one is, where its document stands, and what its file said last."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, Table, and_, select, text, update

from app import clock
from app.errors import ManagedByFile
from app.store import definitions as named
from app.store.definitions import Definition
from app.store.tables import definitions, pools, versions

_LOCK = 7_230_011
"""Any number, the same for every process: PostgreSQL's advisory lock for folders of definitions."""

PLANTERS = ("catalog", "file")
"""Who makes the versions of what a release, or an op module, brings along."""


@dataclass(frozen=True)
class Standing:
    """A definition of any kind, or a pool, as it stands. `file_paused`: what its file said of pausing last."""

    kind: str
    name: str
    document: dict[str, Any]
    managed_by: str
    file: str | None
    file_paused: bool | None
    paused: bool
    shipped: bool


def all_standing(connection: Connection) -> dict[tuple[str, str], Standing]:
    """Everything that is defined now, by kind and name."""
    is_latest = and_(
        versions.c.kind == definitions.c.kind, versions.c.name == definitions.c.name, versions.c.version == definitions.c.version
    )
    query = select(definitions, versions.c.document).join(versions, is_latest).where(definitions.c.deleted_at.is_(None))
    found = [
        Standing(
            row["kind"], row["name"], row["document"], row["managed_by"], row["file"], row["file_paused"],
            row["paused_at"] is not None, row["shipped_hash"] is not None,
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip
    for pool in connection.execute(select(pools).where(pools.c.name.not_like("%:%"))).mappings():
        document = {"name": pool["name"], "size": pool["size"]}
        if pool["description"]:
            document["description"] = pool["description"]
        found.append(Standing("pool", pool["name"], document, pool["managed_by"], pool["file"], None, False, False))
    return {(each.kind, each.name): each for each in found}


def lock(connection: Connection) -> None:
    """One folder at a time until the commit. SQLite's one writer needs no more."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def own(
    connection: Connection, kind: str, name: str, *, managed_by: str, file: str | None = None, paused: bool | None = None
) -> None:
    """Note whose the definition is from now on, and what its file says of pausing."""
    if kind == "pool":
        connection.execute(update(pools).where(pools.c.name == name).values(managed_by=managed_by, file=file))
        return
    values = {"managed_by": managed_by, "file": file, "file_paused": paused, "updated_at": clock.now()}
    connection.execute(update(definitions).where(*_is(definitions, kind, name)).values(values))


def shipped(connection: Connection, kind: str, name: str) -> Definition | None:
    """The version that a start planted last, of one that a release or an op module brings along."""
    key = select(definitions.c.shipped_hash).where(*_is(definitions, kind, name)).scalar_subquery()
    query = select(versions.c.version).where(*_is(versions, kind, name), versions.c.hash == key)
    # Somebody else may have said the same.
    planted = versions.c.created_by.in_(PLANTERS)
    version = connection.execute(query.order_by(planted.desc(), versions.c.version.desc()).limit(1)).scalar()
    return named.find(connection, kind, name, version) if version is not None else None  # type: ignore[arg-type]  # no pool is


def is_under(file: str | None, folder: object) -> bool:
    """Whether a document stands in that folder, the one that starts apply: it is changed there and nowhere else."""
    return file is not None and PurePath(file).is_relative_to(str(folder))


def _hash(connection: Connection, kind: str, name: str) -> str | None:
    found = named.find(connection, kind, name) if kind != "pool" else None  # type: ignore[arg-type]  # no pool gets here
    return found.hash if found else None


def refuse(connection: Connection, kind: str, name: str, folder: object, *, unless: str | None = None) -> None:
    """Raise ManagedByFile for what a file of that folder manages, unless its document has that hash already."""
    if folder is None:
        return
    table = pools if kind == "pool" else definitions
    where = (pools.c.name == name,) if kind == "pool" else (*_is(definitions, kind, name), definitions.c.deleted_at.is_(None))
    file = connection.execute(select(table.c.file).where(*where)).scalar()
    if is_under(file, folder) and (unless is None or _hash(connection, kind, name) != unless):
        raise ManagedByFile(
            f"The {kind} {name!r} is managed by the file {file}.",
            hint="Change that file, or take it away, and restart the service; pausing and resuming need no file.",
        )


def _is(table: Table, kind: str, name: str) -> tuple[Any, ...]:
    return (table.c.kind == kind, table.c.name == name)
