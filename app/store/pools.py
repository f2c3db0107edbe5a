"""Limits: a pool is rows that runs hold. `job:<name>` is a job's own; the others have names of the user's."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select, update

from app.errors import InUse, NotFound
from app.store.changes import QUEUE
from app.store.database import touch
from app.store.prepared import Prepared
from app.store.tables import pools, slots

JOB = "job:"
BACKFILL = "backfill:"
"""How the pools are named that belong to a job or to a backfill: a user's own name has no colon."""


def job_pool(job: str) -> str:
    """The pool that limits one job."""
    return JOB + job


def resize(connection: Connection, name: str, size: int, *, description: str | None = None) -> None:
    """Make the pool, or give it another size. Slots above a smaller size are given to no run any more."""
    known = connection.execute(select(pools.c.size).where(pools.c.name == name)).scalar()
    if known is None:
        connection.execute(insert(pools).values(name=name, size=size, description=description))
    else:
        values = {"size": size, "description": description}
        connection.execute(update(pools).where(pools.c.name == name).values(values))
    numbers = set(connection.execute(select(slots.c.n).where(slots.c.pool == name)).scalars())
    job = name.removeprefix(JOB) if name.startswith(JOB) else None
    if missing := [n for n in range(size) if n not in numbers]:
        connection.execute(insert(slots), [{"pool": name, "n": n, "job": job} for n in missing])
    connection.execute(delete(slots).where(slots.c.pool == name, slots.c.n >= size, slots.c.run_id.is_(None)))
    touch(connection, QUEUE)


def take(connection: Connection, needed: Mapping[str, int], run_id: str, attempt: int) -> bool:
    """Hold that many slots of every pool, or none of any.

    Two claimers race for rows, not for a count: on PostgreSQL two counts that do not see each other would both pass.
    """
    held = []
    for name in sorted(needed):
        numbers = [row["n"] for row in _FREE.all(connection, {"named": name, "count": needed[name]})]
        if len(numbers) < needed[name]:
            return False
        held += [{"named": name, "number": n, "run": run_id, "claim": attempt} for n in numbers]
    _HOLD.run(connection, held)
    return True


_FREE = Prepared(
    select(slots.c.n)
    .join(pools, pools.c.name == slots.c.pool)
    .where(slots.c.pool == bindparam("named"), slots.c.run_id.is_(None), slots.c.n < pools.c.size)
    .order_by(slots.c.n)
    .limit(bindparam("count", type_=Integer))
    .with_for_update(of=slots, skip_locked=True)
)
_HOLD = Prepared(
    update(slots)
    .where(slots.c.pool == bindparam("named"), slots.c.n == bindparam("number"))
    .values(run_id=bindparam("run"), attempt=bindparam("claim"))
)
_HELD = slots.c.run_id == bindparam("run")
_LET_GO = Prepared(update(slots).where(_HELD).values(run_id=None, attempt=None))


def has_room(connection: Connection, name: str) -> bool:
    """Whether one slot is free."""
    return _FREE.first(connection, {"named": name, "count": 1}) is not None


def free(connection: Connection, run_id: str) -> None:
    """Let go of everything the run holds. Slots above their pool's size are taken by nobody any more."""
    _LET_GO.run(connection, [{"run": run_id}])
    touch(connection, QUEUE)


def drop(connection: Connection, name: str) -> None:
    """Remove the pool. Raises NotFound, or InUse while a run holds a slot of it."""
    get(connection, name)
    if connection.execute(select(slots.c.run_id).where(slots.c.pool == name, slots.c.run_id.is_not(None))).first():
        raise InUse(f"The pool {name!r} is held by a run.", hint="Wait for the run, or make the pool's size 0.")
    discard(connection, name)


def discard(connection: Connection, name: str) -> None:
    """Remove a pool that no run holds and none will ask for."""
    connection.execute(delete(slots).where(slots.c.pool == name))
    connection.execute(delete(pools).where(pools.c.name == name))


def get(connection: Connection, name: str) -> dict[str, Any]:
    """One pool: name, size, held, description, managed_by, file."""
    for pool in all_named(connection):
        if pool["name"] == name:
            return pool
    raise NotFound(f"There is no pool {name!r}.")


def sizes(connection: Connection) -> dict[str, int]:
    """The size of every pool but the jobs' own, by name."""
    rows = connection.execute(select(pools.c.name, pools.c.size).where(pools.c.name.not_like("%:%")))
    return {row.name: row.size for row in rows}


def all_named(connection: Connection) -> list[dict[str, Any]]:
    """Every pool but the jobs' and the backfills' own."""
    held = select(func.count()).where(slots.c.pool == pools.c.name, slots.c.run_id.is_not(None)).scalar_subquery()
    columns = (pools.c.name, pools.c.size, held.label("held"), pools.c.description, pools.c.managed_by, pools.c.file)
    query = select(*columns).order_by(pools.c.name)
    rows = connection.execute(query.where(pools.c.name.not_like("%:%"))).mappings()
    return [dict(row) for row in rows]
