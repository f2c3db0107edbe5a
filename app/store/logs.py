"""Which file an attempt's log is in; the lines are in the file."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from app.store.tables import logs


@dataclass(frozen=True)
class LogFacts:
    """A log file: its path under the data dir, size, lines, and whether it was cut."""

    path: str
    bytes: int
    lines: int
    cut: bool


def save(connection: Connection, run_id: str, attempt: int, facts: LogFacts) -> None:
    """Note how the attempt's log stands."""
    same = (logs.c.run_id == run_id) & (logs.c.attempt == attempt)
    if not connection.execute(update(logs).where(same).values(vars(facts))).rowcount:
        connection.execute(insert(logs).values(run_id=run_id, attempt=attempt, **vars(facts)))


def of_run(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The run's logs, first attempt first."""
    query = select(logs).where(logs.c.run_id == run_id).order_by(logs.c.attempt)
    return [dict(row) for row in connection.execute(query).mappings()]
