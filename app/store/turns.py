"""Turns: who was overtaken while it published goes first when it comes back, whoever else wants the same datasets by then.

A turn holds nobody's lock: it is a row that later publications see and wait behind, in the order in which they came. It stands
while its step does, in the attempt that took it; and no longer than its patience, which those who wait count themselves.
"""

from collections.abc import Collection

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update
from sqlalchemy import text as sql

from app.definitions.lake import Turn
from app.store.fence import Fence
from app.store.tables import runs, steps, turns

PATIENCE_SECONDS = 30.0
LONGEST_PATIENCE_SECONDS = 600.0
_TRIES = 3
"""A repeat may take as many times as long as what it repeats: machines are busiest when many publish."""

_OWNER = exists().where(
    runs.c.id == turns.c.run_id,
    runs.c.worker == turns.c.worker,
    runs.c.attempt == turns.c.attempt,
    runs.c.status == sql("'running'"),
)
_AT_WORK = exists().where(
    steps.c.run_id == turns.c.run_id,
    steps.c.node == turns.c.node,
    steps.c.attempt == turns.c.step_attempt,
    steps.c.status == sql("'running'"),
)
_QUEUE = select(turns, and_(_OWNER, _AT_WORK).label("stands")).order_by(turns.c.n)


def ahead(connection: Connection, fence: Fence, datasets: Collection[str], passes: int | None) -> Turn | None:
    """The turn that goes before a publication of those datasets; `passes`: one that its run has waited for long enough.

    For the transaction that holds the lake's row: turns change in no other.
    """
    for row in connection.execute(_QUEUE).mappings():
        if row["n"] == passes or not row["stands"]:
            connection.execute(delete(turns).where(turns.c.n == row["n"]))
        elif row["run_id"] == fence.run_id:
            return None
        elif not set(datasets).isdisjoint(row["datasets"]):
            return {"n": row["n"], "seconds": row["patience_seconds"]}
    return None


def take(connection: Connection, fence: Fence, node: str, datasets: Collection[str], seconds: float) -> None:
    """Stand in the queue, at its end unless the run stands there already; `seconds`: how long the last try took.

    `datasets` are those that nobody who comes later may publish before.
    """
    patience = min(max(PATIENCE_SECONDS, _TRIES * seconds), LONGEST_PATIENCE_SECONDS)
    step = select(steps.c.attempt).where(steps.c.run_id == fence.run_id, steps.c.node == node).scalar_subquery()
    # A step that is not there is not at work: its turn does not stand, and stops nothing.
    attempt = func.coalesce(step, 0)
    owner = {"worker": fence.worker, "attempt": fence.attempt, "node": node, "step_attempt": attempt}
    row = {**owner, "datasets": sorted(datasets), "patience_seconds": patience}
    if not connection.execute(update(turns).where(turns.c.run_id == fence.run_id).values(row)).rowcount:
        connection.execute(insert(turns).values(run_id=fence.run_id, **row))


def leave(connection: Connection, fence: Fence) -> None:
    """The run's publication is done."""
    connection.execute(delete(turns).where(turns.c.run_id == fence.run_id))
