"""The calendars' half of the manager: planted by sources, overridden by people, shown with what is known of them."""

import hashlib
import json
from datetime import date
from functools import partial
from typing import Any

from app.store import calendars, views
from app.store.database import Connection, Database


class Calendars:
    """Which days are sessions, as far as is known."""

    database: Database

    def list_calendars(self) -> list[dict[str, Any]]:
        """Every calendar: id, version, source, first_date, horizon_date, session_count."""
        with self.database.read() as connection:
            return [_view(row) for row in calendars.all_known(connection)]

    def sessions(self, calendar: str, first: date | None, last: date | None) -> dict[str, Any]:
        """A calendar with its known sessions of a range, both ends included. Raises NotFound."""
        with self.database.read() as connection:
            known = calendars.get(connection, calendar)
            days = calendars.between(connection, calendar, first, last)
            return {**_view(known), "sessions": [day.isoformat() for day in days]}

    def plant_calendars(self, answer: dict[str, Any]) -> list[str]:
        """Store what the query `calendar_sessions` answered, each calendar by itself; the ids of those that changed."""
        return [name for name, said in answer.items() if said["sessions"] and self.database.write(partial(_plant, name, said))]


def _plant(name: str, said: dict[str, Any], connection: Connection) -> bool:
    content = {part: said[part] for part in ("sessions", "horizon", "timezone", "hours")}
    return calendars.plant(
        connection,
        name,
        [date.fromisoformat(day) for day in said["sessions"]],
        said["source"],
        hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16],
        horizon=date.fromisoformat(said["horizon"]),
        hours=said["hours"],
        timezone=said["timezone"],
    )


def _view(row: dict[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in row.items() if name != "sessions"}
    return {**views.row_view(facts), "session_count": row["sessions"]}
