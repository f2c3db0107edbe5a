"""Publication is rows: a snapshot, the versions it makes, the files they name; compare-and-set, in the step's transaction."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from app import clock
from app.definitions.lake import DatasetState, FileFacts, Publication, SnapshotState, StagedFile
from app.errors import NotFound
from app.store import releases, turns
from app.store.changes import LAKE
from app.store.database import touch
from app.store.fence import HOLDS, Fence, guard
from app.store.tables import dataset_files, dataset_versions, files, lake, run_datasets, runs, snapshots

Outcome = Literal["published", "unchanged", "conflict"]


def newest(connection: Connection) -> int:
    """The newest snapshot's number; 0 for the empty lake."""
    return connection.execute(select(lake.c.snapshot)).scalar() or 0


def is_restore(connection: Connection, snapshot: int) -> bool:
    """Whether a person made that snapshot of an older one: then no run process makes its view."""
    return connection.execute(select(snapshots.c.kind).where(snapshots.c.snapshot == snapshot)).scalar() == "restore"


def state(connection: Connection, snapshot: int) -> SnapshotState:
    """Every dataset of a snapshot with its files. Raises NotFound, also for one that is no longer kept."""
    row = connection.execute(
        select(snapshots.c.published_at, snapshots.c.retired_at).where(snapshots.c.snapshot == snapshot)
    ).first()
    if row is None and snapshot != 0:
        raise NotFound(f"There is no snapshot {snapshot}.")
    if row is not None and row.retired_at is not None:
        hint = "`openbell snapshots` lists those that are; OPENBELL_SNAPSHOT_DAYS says for how long, and a pin keeps one longer."
        raise NotFound(f"Snapshot {snapshot} is no longer kept: its files may be gone.", hint=hint)
    found: dict[str, DatasetState] = {
        row["dataset"]: {
            "version": row["version"],
            "rows": row["rows"],
            "quality": row["quality"],
            "facts": row["facts"],
            "files": [],
        }
        for row in connection.execute(versions_at(snapshot)).mappings()
    }
    for dataset, facts in _files(connection, {name: known["version"] for name, known in found.items()}):
        found[dataset]["files"].append(facts)
    at = clock.iso(row.published_at) if row is not None else ""
    return {"snapshot": snapshot, "published_at": at, "datasets": found, "releases": releases.announced(connection, snapshot)}


def versions_at(snapshot: int) -> Any:
    """The query for each dataset's version row as of a snapshot."""
    newest_version = (
        select(dataset_versions.c.dataset, func.max(dataset_versions.c.version).label("version"))
        .where(dataset_versions.c.snapshot <= snapshot)
        .group_by(dataset_versions.c.dataset)
        .subquery()
    )
    same = and_(dataset_versions.c.dataset == newest_version.c.dataset, dataset_versions.c.version == newest_version.c.version)
    return select(dataset_versions).join(newest_version, same).order_by(dataset_versions.c.dataset)


def _files(connection: Connection, versions: dict[str, int]) -> list[tuple[str, FileFacts]]:
    if not versions:
        return []
    belongs = or_(*(_in_version(dataset, version) for dataset, version in versions.items()))
    query = select(files).join(dataset_files, dataset_files.c.file_id == files.c.id).where(belongs)
    rows = connection.execute(query.order_by(files.c.dataset, files.c.partition)).mappings()
    return [(row["dataset"], _facts(row)) for row in rows]


def _in_version(dataset: str, version: int) -> Any:
    until = dataset_files.c.until_version
    return and_(
        dataset_files.c.dataset == dataset, dataset_files.c.from_version <= version, or_(until.is_(None), until > version)
    )


def _facts(row: Any) -> FileFacts:
    return {
        "dataset": row["dataset"],
        "partition": row["partition"],
        "path": row["path"],
        "rows": row["rows"],
        "bytes": row["bytes"],
        "min_date": row["min_date"].isoformat() if row["min_date"] else None,
        "max_date": row["max_date"].isoformat() if row["max_date"] else None,
    }


def base(connection: Connection, fence: Fence) -> SnapshotState:
    """What the run builds on: fixed when it first asks, moved on by its own publications. Raises LeaseLost."""
    run = guard(connection, fence)
    snapshot = run["read_snapshot"]
    if snapshot is None:
        snapshot = newest(connection)
        connection.execute(update(runs).where(HOLDS).values(read_snapshot=snapshot), fence.params)
        _note(connection, fence.run_id, "read", snapshot, None)
    own = connection.execute(select(func.max(snapshots.c.snapshot)).where(snapshots.c.run_id == fence.run_id)).scalar()
    return state(connection, max(snapshot, own or 0))


def publish(connection: Connection, fence: Fence, node: str, publication: Publication) -> tuple[Outcome, SnapshotState]:
    """Name the staged files in a new snapshot, if each still replaces the file it was built from, and what it was computed of
    is the newest. Raises LeaseLost.

    `conflict` publishes nothing, and takes a turn: it answers the newer state to build on, or `behind` whom to wait and ask
    again. Nothing staged that differs is `unchanged`.
    """
    guard(connection, fence)
    current = lock(connection)
    makes = {file["dataset"] for file in publication["files"]}
    first = turns.ahead(connection, fence, makes, publication.get("passes"))
    changed = None if first else _changed(connection, publication["files"])
    if changed is None:
        needs = {name for file in publication["files"] for name in file.get("stands_on", {})}
        turns.take(connection, fence, node, makes | needs, publication.get("seconds", 0.0))
        if first:
            return "conflict", {"snapshot": current, "published_at": "", "datasets": {}, "behind": first}
        return "conflict", state(connection, current)
    turns.leave(connection, fence)
    if not changed:
        return "unchanged", state(connection, current)
    snapshot = current + 1
    now = clock.now()
    connection.execute(
        insert(snapshots).values(
            snapshot=snapshot, published_at=now, run_id=fence.run_id, node=node, attempt=fence.attempt, kind="publish"
        )
    )
    for dataset in sorted({file["dataset"] for file in changed}):
        own = [file for file in changed if file["dataset"] == dataset]
        _new_version(connection, dataset, own, snapshot, publication["datasets"].get(dataset, {}), fence.run_id)
    connection.execute(update(lake).values(snapshot=snapshot))
    _note(connection, fence.run_id, "published", snapshot, node)
    touch(connection, LAKE)
    published = state(connection, snapshot)
    releases.record(connection, fence.run_id, published, publication.get("releases", ()))
    return "published", {**published, "releases": releases.announced(connection, snapshot)}


def lock(connection: Connection) -> int:
    """The newest snapshot, held still until the commit."""
    current = connection.execute(select(lake.c.snapshot).with_for_update()).scalar()
    if current is None:
        connection.execute(insert(lake).values(id=1, snapshot=0))
        return 0
    return int(current)


def _changed(connection: Connection, staged: Sequence[StagedFile]) -> list[StagedFile] | None:
    """The staged files that replace another; None when what one was built from, or computed of, is no longer the current."""
    changed = []
    newest_versions = _newest_versions(connection) if any("stands_on" in file for file in staged) else {}
    for file in staged:
        current = connection.execute(
            select(files.c.path)
            .join(dataset_files, dataset_files.c.file_id == files.c.id)
            .where(
                dataset_files.c.dataset == file["dataset"],
                dataset_files.c.partition == file["partition"],
                dataset_files.c.until_version.is_(None),
            )
        ).scalar()
        if current == file["path"]:
            continue
        if current != file["base"]:
            return None
        if any(newest_versions.get(name, 0) != version for name, version in file.get("stands_on", {}).items()):
            return None
        changed.append(file)
    return changed


def _newest_versions(connection: Connection) -> dict[str, int]:
    query = select(dataset_versions.c.dataset, func.max(dataset_versions.c.version)).group_by(dataset_versions.c.dataset)
    return {row[0]: row[1] for row in connection.execute(query)}


def _new_version(
    connection: Connection,
    dataset: str,
    staged: Sequence[StagedFile],
    snapshot: int,
    said: dict[str, Any],
    run_id: str,
) -> None:
    newest_version = select(func.max(dataset_versions.c.version)).where(dataset_versions.c.dataset == dataset)
    version = (connection.execute(newest_version).scalar() or 0) + 1
    for file in staged:
        _replace(connection, file, version, run_id)
    totals = connection.execute(
        select(
            func.coalesce(func.sum(files.c.rows), 0).label("rows"),
            func.coalesce(func.sum(files.c.bytes), 0).label("bytes"),
            func.min(files.c.min_date).label("min_date"),
            func.max(files.c.max_date).label("max_date"),
        )
        .join(dataset_files, dataset_files.c.file_id == files.c.id)
        .where(_in_version(dataset, version))
    ).mappings()
    previous = connection.execute(
        select(dataset_versions.c.quality, dataset_versions.c.facts).where(
            dataset_versions.c.dataset == dataset, dataset_versions.c.version == version - 1
        )
    ).first()
    quality = said.get("quality", previous.quality if previous else None)
    facts = {**(previous.facts if previous else {}), **{key: value for key, value in said.items() if key != "quality"}}
    connection.execute(
        insert(dataset_versions).values(
            dataset=dataset, version=version, snapshot=snapshot, quality=quality, facts=facts, **totals.one()
        )
    )


def _replace(connection: Connection, file: StagedFile, version: int, run_id: str) -> None:
    open_file = and_(
        dataset_files.c.dataset == file["dataset"],
        dataset_files.c.partition == file["partition"],
        dataset_files.c.until_version.is_(None),
    )
    connection.execute(update(dataset_files).where(open_file).values(until_version=version))
    file_id = connection.execute(select(files.c.id).where(files.c.path == file["path"])).scalar()
    if file_id is None:
        row = {key: file[key] for key in ("path", "dataset", "partition", "rows", "bytes")}
        dates = {key: _date(file[key]) for key in ("min_date", "max_date")}
        made = connection.execute(insert(files).values(**row, **dates, run_id=run_id, published_at=clock.now()))
        (file_id,) = made.inserted_primary_key or (None,)
    connection.execute(
        insert(dataset_files).values(dataset=file["dataset"], partition=file["partition"], from_version=version, file_id=file_id)
    )


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _note(connection: Connection, run_id: str, mode: Literal["read", "published"], snapshot: int, node: str | None) -> None:
    """Record which versions the run read, or published."""
    query = versions_at(snapshot)
    if mode == "published":
        query = query.where(dataset_versions.c.snapshot == snapshot)
    rows = [
        {"run_id": run_id, "dataset": row["dataset"], "mode": mode, "snapshot": snapshot, "version": row["version"], "node": node}
        for row in connection.execute(query).mappings()
    ]
    if rows:
        connection.execute(insert(run_datasets), rows)


def published_by(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[int]]:
    """The snapshots that each run published."""
    query = select(snapshots.c.run_id, snapshots.c.snapshot).where(snapshots.c.run_id.in_(run_ids))
    found: dict[str, list[int]] = {}
    for row in connection.execute(query.order_by(snapshots.c.snapshot)):
        found.setdefault(row.run_id, []).append(row.snapshot)
    return found


def datasets(connection: Connection) -> list[dict[str, Any]]:
    """Each dataset of the newest snapshot, without its files."""
    return [dict(row) for row in connection.execute(versions_at(newest(connection))).mappings()]


def history(connection: Connection, dataset: str, before: int | None, limit: int) -> list[dict[str, Any]]:
    """The dataset's versions with the run that made each, newest first."""
    query = (
        select(dataset_versions, snapshots.c.published_at, snapshots.c.run_id, snapshots.c.node)
        .join(snapshots, snapshots.c.snapshot == dataset_versions.c.snapshot)
        .where(dataset_versions.c.dataset == dataset)
    )
    if before is not None:
        query = query.where(dataset_versions.c.version < before)
    return [dict(row) for row in connection.execute(query.order_by(dataset_versions.c.version.desc()).limit(limit)).mappings()]
