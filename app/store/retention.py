"""What may be taken away of the lake, and what may not."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy import text as sql

from app.store.columns import Instant
from app.store.tables import files, runs, step_attempts, steps

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
