"""Events from outside: kept, and fired in the same transaction."""

from typing import Any

from sqlalchemy import Connection, insert, select

from app import clock
from app.store import triggers
from app.store.tables import events


def receive(connection: Connection, event_id: str, name: str, payload: dict[str, Any], by: str) -> dict[str, Any]:
    """Keep the event and fire what waits for it; answers it with what each trigger did."""
    now = clock.now()
    row = {"id": event_id, "name": name, "payload": payload, "received_at": now, "received_from": by}
    connection.execute(insert(events).values(row))
    fired = [
        {"trigger": firing.name, **{name: getattr(firing, name) for name in ("outcome", "reason", "detail", "run_id")}}
        for firing in triggers.event_came(connection, name, event_id, payload, now)
    ]
    return {**row, "received_at": clock.iso(now), "firings": fired}


def page(connection: Connection, name: str, before: str | None, limit: int) -> list[dict[str, Any]]:
    """Events of that name older than the id `before`, newest first."""
    query = select(events).where(events.c.name == name)
    if before is not None:
        query = query.where(events.c.id < before)
    return [dict(row) for row in connection.execute(query.order_by(events.c.id.desc()).limit(limit)).mappings()]
