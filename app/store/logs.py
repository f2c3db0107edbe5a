"""Which file an attempt's log is in; the lines are in the file."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from app.store.tables import logs


@dataclass(frozen=True)
class LogFacts:
    """A log file: its path under the data dir, size, lines, and whether it was cut."""

    path: str
    bytes: int
    lines: int
    cut: bool


_INSERT = insert(logs)
_UPDATE = update(logs).where(logs.c.run_id == bindparam("run"), logs.c.attempt == bindparam("claim"))


def save(connection: Connection, run_id: str, attempt: int, facts: LogFacts) -> None:
    """Note how the attempt's log stands."""
    row = vars(facts)
    if not connection.execute(_UPDATE, {"run": run_id, "claim": attempt, **row}).rowcount:
        connection.execute(_INSERT, {"run_id": run_id, "attempt": attempt, **row})


def of_run(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The run's logs, first attempt first."""
    query = select(logs).where(logs.c.run_id == run_id).order_by(logs.c.attempt)
    return [dict(row) for row in connection.execute(query).mappings()]
