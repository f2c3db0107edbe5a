"""The fence: a worker's right to write a run, and the condition that every write of it carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from app.errors import LeaseLost
from app.store.prepared import Prepared
from app.store.status import RunStatus
from app.store.tables import runs


@dataclass(frozen=True)
class Fence:
    """A claim: no other attempt may have begun since."""

    run_id: str
    worker: str
    attempt: int

    @property
    def params(self) -> dict[str, Any]:
        """The values of HOLDS."""
        return {"fenced_run": self.run_id, "fenced_worker": self.worker, "fenced_attempt": self.attempt}


# Statements of the hot path are built once: building one costs more than SQLite takes to run it.
HOLDS = and_(
    runs.c.id == bindparam("fenced_run"),
    runs.c.worker == bindparam("fenced_worker"),
    runs.c.attempt == bindparam("fenced_attempt"),
    runs.c.status == RunStatus.running,
)
_ASKED = ("job", "queued_at", "cancel_requested_at", "retry", "failures", "crash_count", "read_snapshot")
_GUARD = Prepared(select(*(runs.c[name] for name in _ASKED)).where(HOLDS).with_for_update())


def guard(connection: Connection, fence: Fence) -> Mapping[str, Any]:
    """What its ending depends on of the run's row, locked for the transaction. Raises LeaseLost when another attempt owns it."""
    row = _GUARD.first(connection, fence.params)
    if row is None:
        raise LeaseLost(f"Attempt {fence.attempt} of run {fence.run_id} no longer owns it.")
    return row
