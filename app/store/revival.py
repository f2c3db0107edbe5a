"""What a database of the past must forget before a service opens it: workers that are long gone, views of a later lake."""

import shutil
from pathlib import Path

from sqlalchemy import Connection, select, update

from app import clock
from app.store import endings, transitions
from app.store.fence import Fence
from app.store.status import RunStatus
from app.store.tables import runs, workers


def hand_back_all(connection: Connection) -> list[str]:
    """Queue every run again that was running, at nobody's cost, and end every worker; answers the runs' ids.

    No attempt of theirs can still write: its process ended with the service that the database is taken from.
    """
    held = select(runs.c.id, runs.c.worker, runs.c.attempt).where(runs.c.status == RunStatus.running).order_by(runs.c.id)
    found = connection.execute(held).all()
    for row in found:
        fence = Fence(row.id, row.worker, row.attempt)
        endings.hand_back(connection, fence, why="The database was restored from a backup that was made while it ran.")
    living = list(connection.execute(select(workers.c.id).where(workers.c.stopped_at.is_(None))).scalars())
    if living:
        gone = update(workers).where(workers.c.id.in_(living))
        connection.execute(gone.values(stopped_at=clock.now(), ended="restored"))
        transitions.add(connection, [{"subject": "worker", "name": worker, "to_status": "stopped"} for worker in living])
    return [row.id for row in found]


def forget_later_views(data_dir: Path, snapshot: int) -> None:
    """Remove the readers' views of snapshots that the database does not know: their numbers will be given again.

    `current` is made anew at the next start.
    """
    if shown(data_dir) > snapshot:
        (data_dir / "current").unlink()
    for view in (data_dir / "views").glob("[0-9]*"):
        if _number(view) > snapshot:
            shutil.rmtree(view, ignore_errors=True)


def shown(data_dir: Path) -> int:
    """The snapshot that readers are shown; 0 for none."""
    current = data_dir / "current"
    return _number(current.readlink()) if current.is_symlink() else 0


def _number(view: Path) -> int:
    return int(view.name) if view.name.isdecimal() else 0
