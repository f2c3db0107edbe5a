"""Reproducing a run: the same pipeline, params and snapshot once more, compared by content and not published."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, select, update

from app.definitions.lake import Publication, SnapshotState
from app.errors import NotFound
from app.store import lake
from app.store.fence import HOLDS, Fence, guard
from app.store.tables import dataset_files, dataset_versions, files, runs, snapshots

_TOLD = 20
"""Differences that are told."""

Place = tuple[str, str]


def original_of(connection: Connection, fence: Fence) -> str | None:
    """The run that this one reproduces."""
    return connection.execute(select(runs.c.reproduces).where(runs.c.id == fence.run_id)).scalar()


def base_of(connection: Connection, run: Mapping[Any, Any]) -> int | None:
    """The snapshot that a run's publications were compared against, or that it read; None when it read none.

    Another run may have published while it was at work: then it was carried over to what stood before its own.
    """
    own = select(snapshots.c.snapshot).where(snapshots.c.run_id == run["id"]).order_by(snapshots.c.snapshot).limit(1)
    first: int | None = connection.execute(own).scalar()
    read: int | None = run["read_snapshot"]
    return first - 1 if first is not None else read


def published(connection: Connection, run_id: str) -> dict[Place, str]:
    """The file that the run left in each place, over all its publications. Raises NotFound when one is no longer kept."""
    query = select(snapshots.c.snapshot, snapshots.c.retired_at).where(snapshots.c.run_id == run_id)
    own = list(connection.execute(query.order_by(snapshots.c.snapshot)))
    if gone := [row.snapshot for row in own if row.retired_at is not None]:
        raise NotFound(f"Snapshot {gone[0]}, which it published, is no longer kept.")
    same = and_(dataset_files.c.dataset == dataset_versions.c.dataset, dataset_files.c.from_version == dataset_versions.c.version)
    named = (
        select(files.c.dataset, files.c.partition, files.c.path)
        .join(dataset_files, dataset_files.c.file_id == files.c.id)
        .join(dataset_versions, same)
        .where(dataset_versions.c.snapshot.in_([row.snapshot for row in own]))
        .order_by(dataset_versions.c.snapshot)
    )
    return {(row.dataset, row.partition): row.path for row in connection.execute(named)}


def compare(connection: Connection, fence: Fence, publication: Publication, original: str) -> SnapshotState:
    """Write down how what was staged differs from what the original published; nothing is published. The base, unchanged.

    Raises LeaseLost; NotFound when what the original published is no longer kept.
    """
    guard(connection, fence)
    was = published(connection, original)
    made = {(file["dataset"], file["partition"]): file["path"] for file in publication["files"]}
    places = [place for place in sorted({*was, *made}) if was.get(place) != made.get(place)]
    differences = [
        {"dataset": place[0], "partition": place[1], "published": was.get(place), "made": made.get(place)} for place in places
    ]
    found = {"same": not places, "files": len(was), "equal": len(was.keys() - set(places)), "differences": differences[:_TOLD]}
    connection.execute(update(runs).where(HOLDS).values(comparison=found), fence.params)
    return lake.base(connection, fence)
