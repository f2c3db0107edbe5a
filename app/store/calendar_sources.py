"""What a calendar's source says: its sessions, hours and horizon, planted as rows under the overrides of people."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from app import clock
from app.store import calendars as stored
from app.store import overrides
from app.store.changes import TIMES
from app.store.database import touch
from app.store.tables import calendar_overrides, calendars, sessions


def plant(
    connection: Connection,
    calendar: str,
    days: Sequence[date],
    source: str,
    content_hash: str,
    *,
    horizon: date | None = None,
    hours: Sequence[dict[str, Any]] = (),
    phases: Mapping[date, Any] | None = None,
    made_by: str | None = None,
    **more: Any,
) -> bool:
    """Store an exchange's sessions; True when they differ from what was there, which makes a new version.

    `phases`: of a date with phases of its own, those of each of its sessions. `more`: timezone, disagreements. Overrides stay.
    """
    known = connection.execute(select(calendars).where(calendars.c.id == calendar)).first()
    values: dict[str, Any] = {"source": source, "planted_at": clock.now(), "hours": list(hours), "made_by": made_by, **more}
    if known and known.hash == content_hash:
        connection.execute(update(calendars).where(calendars.c.id == calendar).values(values))
        return False
    overrides.keep_the_list(connection, calendar, days, source)
    values |= {"horizon_date": horizon or max(days), "hash": content_hash}
    if known:
        connection.execute(update(calendars).where(calendars.c.id == calendar).values(values))
        connection.execute(delete(sessions).where(sessions.c.calendar == calendar))
    else:
        connection.execute(insert(calendars).values(id=calendar, version=0, **values))
    own = phases or {}
    usual = [{"calendar": calendar, "session_date": day} for day in days if day not in own]
    special = [{"calendar": calendar, "session_date": day, "phases": own[day]} for day in days if day in own]
    for rows in filter(None, (usual, special)):
        connection.execute(insert(sessions), rows)
    stored.changed(connection, calendar)
    return True


def planted_before(connection: Connection, at: datetime) -> bool:
    """Whether a source's calendar was planted before that instant, or lacks its hours; or there is none at all."""
    own = calendars.c
    query = select(func.count(), func.count().filter(or_(own.planted_at < at, own.hours.is_(None)))).where(own.made_by.is_(None))
    planted, old = connection.execute(query).one()
    return planted == 0 or old > 0


def drop(connection: Connection, calendar: str) -> None:
    """Remove the calendar and its overrides."""
    connection.execute(delete(calendar_overrides).where(calendar_overrides.c.calendar == calendar))
    connection.execute(delete(sessions).where(sessions.c.calendar == calendar))
    connection.execute(delete(calendars).where(calendars.c.id == calendar))
    touch(connection, TIMES)
