"""Why an attempt of a run ended and the run did not: sentences for the run, its steps and the log of the attempt to come."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from app.store.status import Reason
from app.store.tables import workers

_MESSAGE_LIMIT = 300


def of_worker(connection: Connection, worker: str, how: str) -> str:
    """The worker's own end: which process it was and where, and `how` it ended, as in `was stopped`."""
    row = connection.execute(select(workers.c.pid, workers.c.host).where(workers.c.id == worker)).first()
    name = f"The worker process {row.pid} on {row.host}" if row is not None else f"The worker {worker}"
    return f"{name} {how} while it ran."


def error(reason: Reason, why: str) -> dict[str, Any]:
    """The same for a step that was at work."""
    return {"type": reason.value, "message": why}


def failure(node: str | None, error: Mapping[str, Any] | None) -> str:
    """What failed, on one line and without a full stop: `b failed (ValueError: no)`."""
    facts = error or {}
    message = (facts.get("message") or "").strip().partition("\n")[0][:_MESSAGE_LIMIT].rstrip(".")
    said = ": ".join(part for part in (facts.get("type"), message) if part)
    return f"{node or 'The run'} failed{f' ({said})' if said else ''}"
