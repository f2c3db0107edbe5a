"""What may be taken away of the lake, and what may not.

Rows go first, in one transaction that holds the lake's row, as publications, restores and pins do: a snapshot is kept with all
its files, or can no longer be named. Only what no row names any more is then taken from the disk.
"""

from bisect import bisect_right
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select, update
from sqlalchemy import text as sql

from app import clock
from app.store import lake
from app.store.columns import Instant
from app.store.tables import dataset_files, dataset_versions, files, runs, snapshots, step_attempts, steps

TAKEN_OVER = timedelta(days=7)
"""How long what a finished run had staged is kept: a retry by hand takes it over, and makes it again after that."""

_FOR_EVER_SECONDS = 1e9


def needed(connection: Connection, now: datetime) -> tuple[list[str], float]:
    """Paths that a snapshot names or a run may still build on; and the seconds for which nothing else may be taken away.

    A step under way has told nobody yet what it stages: what is younger than the oldest run under way may be its.
    """
    paths = set(connection.execute(select(files.c.path)).scalars())
    may_go_on = or_(runs.c.finished_at.is_(None), runs.c.finished_at > now - TAKEN_OVER)
    staged = select(steps.c.staged).join(runs, runs.c.id == steps.c.run_id).where(steps.c.staged.is_not(None), may_go_on)
    for listed in connection.execute(staged).scalars():
        paths |= {file["path"] for file in listed or ()}
    ages = [(now - begun).total_seconds() for begun in _under_way(connection)]
    # One that begins in the future tells that the clock was set back: how old anything is, nobody knows then.
    return sorted(paths), max(ages, default=0.0) if min(ages, default=0.0) >= 0 else _FOR_EVER_SECONDS


def _under_way(connection: Connection) -> list[datetime]:
    """Since when each run under way may have staged what it has not told: since its oldest open step, or its own begin."""
    open_step = and_(step_attempts.c.run_id == runs.c.id, step_attempts.c.status == sql("'running'"))
    begun = select(func.coalesce(func.min(step_attempts.c.started_at), runs.c.started_at, type_=Instant))
    query = begun.select_from(runs).outerjoin(step_attempts, open_step).where(runs.c.status == sql("'running'"))
    return list(connection.execute(query.group_by(runs.c.id, runs.c.started_at)).scalars())


def retire(connection: Connection, now: datetime, days: float) -> tuple[list[int], int]:
    """Forget what older snapshots name, but for those that are kept; their numbers, and how many files nobody names any more.

    Kept are those that were the newest within so many days, the last of every month, the pinned ones, and what a run that has
    not ended builds on. A snapshot that is not kept stays in the list, without its datasets.
    """
    lake.lock(connection)
    keep, gone = _judged(connection, now, days)
    if not gone:
        return [], 0
    _forget_versions(connection, sorted(keep))
    dropped = connection.execute(delete(files).where(files.c.id.not_in(select(dataset_files.c.file_id)))).rowcount
    connection.execute(update(snapshots).where(snapshots.c.snapshot.in_(gone)).values(retired_at=now))
    return gone, dropped


def _judged(connection: Connection, now: datetime, days: float) -> tuple[set[int], list[int]]:
    """Which snapshots are kept, and which go."""
    columns = (snapshots.c.snapshot, snapshots.c.published_at, snapshots.c.pinned_at, snapshots.c.retired_at)
    rows = list(connection.execute(select(*columns).order_by(snapshots.c.snapshot)))
    keep = _built_on(connection)
    since = now - timedelta(days=days)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        month = clock.market_date(row.published_at).replace(day=1)
        # Until another followed it, it was the newest: whoever began to read then may have it still.
        if (
            following is None
            or following.published_at > since
            or row.pinned_at is not None
            or clock.market_date(following.published_at).replace(day=1) != month
        ):
            keep.add(row.snapshot)
    known = {row.snapshot for row in rows if row.retired_at is None}
    return keep & known, sorted(known - keep)


def _built_on(connection: Connection) -> set[int]:
    """What runs that have not ended read, or go on from."""
    open_runs = select(runs.c.id).where(runs.c.finished_at.is_(None))
    read = select(runs.c.read_snapshot).where(runs.c.finished_at.is_(None), runs.c.read_snapshot.is_not(None))
    own = select(snapshots.c.snapshot).where(snapshots.c.run_id.in_(open_runs))
    return {*connection.execute(read).scalars(), *connection.execute(own).scalars()}


def _forget_versions(connection: Connection, keep: list[int]) -> None:
    """Drop the rows of versions that no kept snapshot has, and of files that belong to no kept version."""
    made: dict[str, list[tuple[int, int]]] = {}
    query = select(dataset_versions.c.dataset, dataset_versions.c.snapshot, dataset_versions.c.version)
    for dataset, snapshot, version in connection.execute(query.order_by(dataset_versions.c.version)):
        made.setdefault(dataset, []).append((snapshot, version))
    for dataset, versions in made.items():
        kept = {versions[at - 1][1] for number in keep if (at := bisect_right(versions, (number, versions[-1][1])))}
        old = [{"of": dataset, "old": version} for _, version in versions if version not in kept]
        if old:
            own = and_(dataset_versions.c.dataset == bindparam("of"), dataset_versions.c.version == bindparam("old"))
            connection.execute(delete(dataset_versions).where(own), old)
            _forget_files(connection, dataset, sorted(kept))


def _forget_files(connection: Connection, dataset: str, kept: Collection[int]) -> None:
    columns = (dataset_files.c.partition, dataset_files.c.from_version, dataset_files.c.until_version)
    nobodys = [
        {"of": dataset, "month": row.partition, "since": row.from_version}
        for row in connection.execute(select(*columns).where(dataset_files.c.dataset == dataset))
        if not any(row.from_version <= version and version < (row.until_version or version + 1) for version in kept)
    ]
    if nobodys:
        one = and_(
            dataset_files.c.dataset == bindparam("of"),
            dataset_files.c.partition == bindparam("month"),
            dataset_files.c.from_version == bindparam("since"),
        )
        connection.execute(delete(dataset_files).where(one), nobodys)
