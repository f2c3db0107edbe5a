"""Snapshots as people handle them: listed, pinned, and restored, which makes a new one that names an older one's files."""

from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from app import clock
from app.definitions.lake import SnapshotState
from app.errors import Conflict, NotFound
from app.store import audit, lake, releases
from app.store.changes import LAKE
from app.store.database import touch
from app.store.tables import dataset_files, dataset_versions, snapshots
from app.store.tables import lake as lake_row


def get(connection: Connection, snapshot: int) -> dict[str, Any]:
    """A snapshot with what it names: each dataset's version and the snapshot and run that made it. Raises NotFound."""
    row = _row(connection, snapshot)
    if row["retired_at"] is not None:
        return {**row, "datasets": []}
    made = lake.versions_at(snapshot).subquery()
    query = select(made, snapshots.c.run_id, snapshots.c.published_at).join(snapshots, snapshots.c.snapshot == made.c.snapshot)
    named = [dict(found) for found in connection.execute(query.order_by(made.c.dataset)).mappings()]
    return {**row, "datasets": named}


def page(connection: Connection, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Snapshots older than that number, newest first, each with the names of the datasets that it changed."""
    query = select(snapshots).order_by(snapshots.c.snapshot.desc()).limit(limit)
    if before is not None:
        query = query.where(snapshots.c.snapshot < before)
    found = {row["snapshot"]: {**row, "changed": []} for row in connection.execute(query).mappings()}
    changed = select(dataset_versions.c.snapshot, dataset_versions.c.dataset).where(dataset_versions.c.snapshot.in_(found))
    for number, dataset in connection.execute(changed.order_by(dataset_versions.c.dataset)):
        found[number]["changed"].append(dataset)
    return list(found.values())


def pin(connection: Connection, snapshot: int, *, by: str, reason: str) -> dict[str, Any]:
    """Keep what the snapshot names until it is unpinned. Raises NotFound, or Conflict for one that is no longer kept."""
    # Whoever takes snapshots away holds the lake's row: this one is still there, or gone already.
    lake.lock(connection)
    row = _row(connection, snapshot)
    if row["retired_at"] is not None:
        raise Conflict(f"Snapshot {snapshot} is no longer kept: its files may be gone.", hint="Pin one that is kept.")
    said = {"pinned_at": clock.now(), "pinned_by": by, "pin_reason": reason}
    connection.execute(update(snapshots).where(snapshots.c.snapshot == snapshot).values(said))
    audit.add(connection, by, "pin", "snapshot", str(snapshot), {"reason": reason})
    return get(connection, snapshot)


def unpin(connection: Connection, snapshot: int, *, by: str) -> dict[str, Any]:
    """Let the snapshot go the way of the others. Raises NotFound."""
    if _row(connection, snapshot)["pinned_at"] is not None:
        said = {"pinned_at": None, "pinned_by": None, "pin_reason": None}
        connection.execute(update(snapshots).where(snapshots.c.snapshot == snapshot).values(said))
        audit.add(connection, by, "unpin", "snapshot", str(snapshot))
    return get(connection, snapshot)


def restore(connection: Connection, snapshot: int, *, by: str, reason: str) -> SnapshotState:
    """A new snapshot that names the files of that one, with their quality and facts; trade dates are released as they stood.

    What runs publish after it is compared against it, as against any other. Raises NotFound, also for one that is no longer
    kept, and Conflict for what is the newest already.
    """
    current = lake.lock(connection)
    old, now = lake.state(connection, snapshot), lake.state(connection, current)
    changed = [name for name in sorted({*old["datasets"], *now["datasets"]}) if _paths(old, name) != _paths(now, name)]
    if not changed:
        raise Conflict(f"Snapshot {snapshot} is what readers see: its files are those of the newest, {current}.")
    number = current + 1
    row = {"snapshot": number, "published_at": clock.now(), "kind": "restore", "restores": snapshot}
    connection.execute(insert(snapshots).values(row))
    for dataset in changed:
        _name_again(connection, dataset, snapshot, number)
    connection.execute(update(lake_row).values(snapshot=number))
    audit.add(connection, by, "restore", "snapshot", str(snapshot), {"snapshot": number, "reason": reason})
    touch(connection, LAKE)
    restored = lake.state(connection, number)
    releases.restored(connection, snapshot, restored)
    return {**restored, "releases": releases.announced(connection, number)}


def _name_again(connection: Connection, dataset: str, old: int, number: int) -> None:
    newest = lake.versions_at(number).subquery()
    version = connection.execute(select(newest.c.version).where(newest.c.dataset == dataset)).scalar() or 0
    was = lake.versions_at(old).subquery()
    before = connection.execute(select(was).where(was.c.dataset == dataset)).mappings().first()
    own = dataset_files.c.dataset == dataset
    now_open = and_(own, dataset_files.c.until_version.is_(None))
    files: dict[str, int] = {}
    if before is not None:
        until = dataset_files.c.until_version
        named = and_(own, dataset_files.c.from_version <= before["version"], or_(until.is_(None), until > before["version"]))
        query = select(dataset_files.c.partition, dataset_files.c.file_id).where(named)
        files = {row.partition: row.file_id for row in connection.execute(query)}
    stays = {
        row.partition
        for row in connection.execute(select(dataset_files.c.partition, dataset_files.c.file_id).where(now_open))
        if files.get(row.partition) == row.file_id
    }
    connection.execute(
        update(dataset_files).where(now_open, dataset_files.c.partition.not_in(stays)).values(until_version=version + 1)
    )
    again = [
        {"dataset": dataset, "partition": partition, "from_version": version + 1, "file_id": file_id}
        for partition, file_id in sorted(files.items())
        if partition not in stays
    ]
    if again:
        connection.execute(insert(dataset_files), again)
    kept = ("rows", "bytes", "min_date", "max_date", "quality", "facts")
    said = {name: before[name] for name in kept} if before is not None else {"rows": 0, "bytes": 0, "facts": {}}
    connection.execute(insert(dataset_versions).values(dataset=dataset, version=version + 1, snapshot=number, **said))


def _paths(state: SnapshotState, dataset: str) -> list[str]:
    known = state["datasets"].get(dataset)
    return [file["path"] for file in known["files"]] if known else []


def _row(connection: Connection, snapshot: int) -> dict[str, Any]:
    row = connection.execute(select(snapshots).where(snapshots.c.snapshot == snapshot)).mappings().first()
    if row is None:
        raise NotFound(f"There is no snapshot {snapshot}.", hint="`openbell snapshots` lists them.")
    return dict(row)
