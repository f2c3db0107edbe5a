"""One append-only row per change of state, in its transaction: what history, streams and audit read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from app import clock
from app.store.changes import TRANSITIONS, ended_topic
from app.store.database import touch
from app.store.prepared import Prepared
from app.store.status import FINAL_RUN
from app.store.tables import transitions

_INSERT = Prepared(insert(transitions).inline(), [column.name for column in transitions.c if column.name != "seq"])


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append transitions; each row has `subject`, `name`, `to_status`, and whatever else is known."""
    if not rows:
        return
    blank = {"node": None, "job": None, "from_status": None, "reason": None, "attempt": None, "worker": None}
    at = clock.now()
    _INSERT.run(connection, [{"at": at, **blank, **row} for row in rows])
    ended = (row["name"] for row in rows if row["subject"] == "run" and row["to_status"] in FINAL_RUN)
    touch(connection, TRANSITIONS, *map(ended_topic, ended))


def after(connection: Connection, seq: int, upto: int, limit: int = 500) -> list[dict[str, Any]]:
    """The transitions behind `seq` up to `upto`, in order; up to what nothing is missing, `settled.upto` says."""
    within = (transitions.c.seq > seq, transitions.c.seq <= upto)
    query = select(transitions).where(*within).order_by(transitions.c.seq).limit(limit)
    return [_shown(row) for row in connection.execute(query).mappings()]


def newest(connection: Connection) -> int:
    """The number of the last transition; 0 before the first."""
    return connection.execute(select(transitions.c.seq).order_by(transitions.c.seq.desc()).limit(1)).scalar() or 0


def _shown(row: Any) -> dict[str, Any]:
    at: datetime = row["at"]
    return {**row, "at": clock.iso(at)}
