"""Who changed what: one append-only row per change, in its transaction."""

from typing import Any

from sqlalchemy import Connection, insert, select

from app import clock
from app.store.tables import audit

_INSERT = insert(audit)


def add(connection: Connection, actor: str, action: str, subject: str, name: str, detail: dict[str, Any] | None = None) -> None:
    """Append a row: the actor is a key's id, or the part of the service that acted."""
    row = {"at": clock.now(), "actor": actor, "action": action, "subject": subject, "name": name, "detail": detail}
    connection.execute(_INSERT, row)


def page(connection: Connection, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Rows older than the number `before`, newest first."""
    query = select(audit)
    if before is not None:
        query = query.where(audit.c.seq < before)
    return [dict(row) for row in connection.execute(query.order_by(audit.c.seq.desc()).limit(limit)).mappings()]
