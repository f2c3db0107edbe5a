"""Which trade date is published last, and whether a job has been over it since."""

from datetime import date

from sqlalchemy import Connection, func, select

from app.store.status import RunStatus
from app.store.tables import dataset_versions, runs

BARS = "daily_bars"
"""The dataset whose newest day is the newest trade date."""


def latest_published(connection: Connection, job: str) -> tuple[date | None, str]:
    """The newest trade date with bars; and a sentence when the job has nothing new to do for it, else an empty one."""
    newest = select(dataset_versions.c.max_date, dataset_versions.c.snapshot).where(dataset_versions.c.dataset == BARS)
    row = connection.execute(newest.order_by(dataset_versions.c.version.desc()).limit(1)).first()
    if row is None or row.max_date is None:
        return None, f"no trade date of {BARS} is published yet"
    done = select(func.max(runs.c.read_snapshot)).where(
        runs.c.job == job, runs.c.trade_date == row.max_date, runs.c.status == RunStatus.succeeded
    )
    seen = connection.execute(done).scalar()
    if seen is not None and seen >= row.snapshot:
        return row.max_date, f"{job!r} has succeeded for {row.max_date}, and nothing of {BARS} was published since"
    return row.max_date, ""


def is_published(connection: Connection, dataset: str) -> bool:
    """Whether anything of it was ever published."""
    query = select(dataset_versions.c.version).where(dataset_versions.c.dataset == dataset)
    return connection.execute(query.limit(1)).first() is not None
