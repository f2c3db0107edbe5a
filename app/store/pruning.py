"""Old history goes: log files first, runs long after them. What says where published data came from stays."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, or_, select

from app.store import retention
from app.store.tables import firings, logs, run_datasets, runs, snapshots, transitions

_AT_ONCE = 500
"""Runs or logs of one transaction: whoever writes beside it waits for no longer."""


def old_logs(connection: Connection, before: datetime) -> list[tuple[str, int, str]]:
    """Run, attempt and path of some logs whose runs ended before that instant, the oldest first."""
    query = select(logs.c.run_id, logs.c.attempt, logs.c.path).join(runs, runs.c.id == logs.c.run_id)
    found = connection.execute(query.where(runs.c.finished_at < before).order_by(logs.c.run_id).limit(_AT_ONCE))
    return [(row.run_id, row.attempt, row.path) for row in found]


def forget_logs(connection: Connection, gone: Iterable[tuple[str, int, str]]) -> None:
    """Their files are gone."""
    for run_id, attempt, _ in gone:
        connection.execute(delete(logs).where(logs.c.run_id == run_id, logs.c.attempt == attempt))


def prune_runs(connection: Connection, before: datetime) -> int:
    """Delete some runs that ended before that instant, with steps, changes of state and firings; how many.

    The newest run of each job and of each of its trade dates stays, and whatever published anything, or has a log.
    """
    newest = select(func.max(runs.c.id)).group_by(runs.c.job, runs.c.trade_date)
    published = select(run_datasets.c.run_id).where(run_datasets.c.mode == "published")
    own = select(snapshots.c.run_id).where(snapshots.c.run_id.is_not(None))
    query = select(runs.c.id).where(
        runs.c.finished_at < before,
        *(runs.c.id.not_in(kept) for kept in (newest, published, own, select(logs.c.run_id))),
    )
    gone = list(connection.execute(query.order_by(runs.c.id).limit(_AT_ONCE)).scalars())
    if gone:
        named = transitions.c.name.in_(gone)
        connection.execute(delete(transitions).where(named, transitions.c.subject.in_(("run", "step"))))
        connection.execute(delete(firings).where(firings.c.run_id.in_(gone)))
        connection.execute(delete(runs).where(runs.c.id.in_(gone)))
    return len(gone)


def forgotten_scratch(connection: Connection, folders: Iterable[Path], now: datetime) -> list[Path]:
    """Which of these folders, named after runs, nobody takes up again: their runs ended long ago, or are not known."""
    may_go_on = or_(runs.c.finished_at.is_(None), runs.c.finished_at > now - retention.TAKEN_OVER)
    named = {folder.name: folder for folder in folders}
    kept = set(connection.execute(select(runs.c.id).where(may_go_on, runs.c.id.in_(named))).scalars())
    return [folder for name, folder in sorted(named.items()) if name not in kept]
