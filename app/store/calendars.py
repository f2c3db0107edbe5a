"""The exchanges' sessions as rows, planted from a child's answer; past the horizon nothing is known."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from app import clock
from app.errors import NotFound
from app.store.tables import calendars, sessions


def plant(connection: Connection, calendar: str, days: Sequence[date], source: str, content_hash: str) -> bool:
    """Store an exchange's sessions; True when they differ from what was there, which makes a new version."""
    known = connection.execute(select(calendars.c.version, calendars.c.hash).where(calendars.c.id == calendar)).first()
    if known and known.hash == content_hash:
        connection.execute(update(calendars).where(calendars.c.id == calendar).values(planted_at=clock.now()))
        return False
    values = {"source": source, "horizon_date": max(days), "hash": content_hash, "planted_at": clock.now()}
    if known:
        connection.execute(update(calendars).where(calendars.c.id == calendar).values(version=known.version + 1, **values))
        connection.execute(delete(sessions).where(sessions.c.calendar == calendar))
    else:
        connection.execute(insert(calendars).values(id=calendar, version=1, **values))
    connection.execute(insert(sessions), [{"calendar": calendar, "session_date": day} for day in days])
    return True


def planted_before(connection: Connection, at: datetime) -> bool:
    """Whether a calendar was planted before that instant, or none at all."""
    oldest = connection.execute(select(func.min(calendars.c.planted_at))).scalar()
    return oldest is None or oldest < at


def all_known(connection: Connection) -> list[dict[str, Any]]:
    """Every calendar: id, version, source, first and last known session, how many."""
    query = (
        select(
            calendars.c.id,
            calendars.c.version,
            calendars.c.source,
            calendars.c.horizon_date,
            func.min(sessions.c.session_date).label("first_date"),
            func.count().label("sessions"),
        )
        .join(sessions, sessions.c.calendar == calendars.c.id)
        .group_by(calendars.c.id, calendars.c.version, calendars.c.source, calendars.c.horizon_date)
        .order_by(calendars.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def get(connection: Connection, calendar: str) -> dict[str, Any]:
    """One calendar's facts. Raises NotFound."""
    for known in all_known(connection):
        if known["id"] == calendar:
            return known
    raise NotFound(f"There is no calendar {calendar!r}.")


def between(connection: Connection, calendar: str, first: date | None = None, last: date | None = None) -> list[date]:
    """The known sessions of a range, both ends included, in order."""
    query = select(sessions.c.session_date).where(sessions.c.calendar == calendar)
    if first is not None:
        query = query.where(sessions.c.session_date >= first)
    if last is not None:
        query = query.where(sessions.c.session_date <= last)
    return list(connection.execute(query.order_by(sessions.c.session_date)).scalars())


def is_session(connection: Connection, calendar: str, day: date) -> bool:
    """Whether the exchange trades that day, as far as is known."""
    query = select(sessions.c.session_date).where(sessions.c.calendar == calendar, sessions.c.session_date == day)
    return connection.execute(query).first() is not None


def nth_back(connection: Connection, calendar: str, day: date, count: int) -> date | None:
    """The `count`th session at or before the day (1: the newest); None when so many are not known."""
    query = (
        select(sessions.c.session_date)
        .where(sessions.c.calendar == calendar, sessions.c.session_date <= day)
        .order_by(sessions.c.session_date.desc())
    )
    return connection.execute(query.offset(count - 1).limit(1)).scalar()


def first_after(connection: Connection, calendar: str, day: date) -> date | None:
    """The next session after the day; None past the horizon."""
    query = select(func.min(sessions.c.session_date))
    return connection.execute(query.where(sessions.c.calendar == calendar, sessions.c.session_date > day)).scalar()
