"""The exchanges' calendars: sessions from a source, overrides of people on top; past the horizon nothing is known."""

import secrets
from bisect import bisect_left, bisect_right
from datetime import date
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, and_, bindparam, select, update

from app import clock
from app.definitions.calendar import Calendar
from app.definitions.names import suggestion
from app.definitions.sessions import Hours, Phase
from app.errors import NotFound
from app.store.changes import TIMES
from app.store.database import touch
from app.store.tables import calendar_overrides, calendars, definitions, sessions

_FACTS = select(calendars).where(calendars.c.id == bindparam("calendar"))


class _Kept(NamedTuple):
    key: tuple[int, str]
    calendar: Calendar


_kept: WeakKeyDictionary[Engine, dict[str, _Kept]] = WeakKeyDictionary()


def load(connection: Connection, calendar: str) -> Calendar:
    """The whole calendar: sessions, hours, zone, horizon. Unchanged since last time, it costs a query of one row.

    Raises NotFound.
    """
    row = facts(connection, calendar)
    kept = _kept.setdefault(connection.engine, {})
    found = kept.get(calendar)
    # The stamp beside the version: a transaction that was rolled back may have shown its version to somebody.
    if found is None or found.key != (row.version, row.stamp):
        found = kept[calendar] = _Kept((row.version, row.stamp), _read(connection, row))
    return found.calendar


def _read(connection: Connection, row: Row[Any]) -> Calendar:
    planted = select(sessions.c.session_date, sessions.c.phases).where(sessions.c.calendar == row.id)
    days: dict[date, Any] = {each.session_date: each.phases for each in connection.execute(planted)}
    own = calendar_overrides.c
    said = select(own.session_date, own.is_session, own.phases).where(own.calendar == row.id)
    for day, is_open, phases in connection.execute(said):
        if is_open:
            days[day] = phases
        else:
            days.pop(day, None)
    return Calendar(
        row.id,
        days,
        known_until=horizon(row),
        timezone=row.timezone,
        hours=map(Hours.of, row.hours or ()),
        special={day: _parts(phases) for day, phases in days.items() if phases},
    )


def _parts(phases: list[list[list[Any]]]) -> list[list[Phase]]:
    return [[Phase.of(phase) for phase in part] for part in phases]


def facts(connection: Connection, calendar: str) -> Row[Any]:
    """Its row. Raises NotFound."""
    row = connection.execute(_FACTS, {"calendar": calendar}).first()
    if row is None:
        raise NotFound(f"There is no calendar {calendar[:60]!r}{suggestion(calendar.upper(), names(connection))}.")
    return row


def horizon(row: Row[Any]) -> date:
    """The last day of which anything is known."""
    own: date = row.horizon_date
    return max(own, row.extended_until or own)


def names(connection: Connection) -> list[str]:
    """The calendars that there are."""
    return list(connection.execute(select(calendars.c.id).order_by(calendars.c.id)).scalars())


def changed(connection: Connection, calendar: str) -> None:
    """Give it a new version, and wake who waits for that."""
    values = {"version": calendars.c.version + 1, "stamp": secrets.token_hex(8)}
    connection.execute(update(calendars).where(calendars.c.id == calendar).values(values))
    # Whichever of them stands on it: what it held may be decided, and what comes may come at another time.
    waiting = and_(
        definitions.c.kind.in_(("schedule", "deadline")), definitions.c.deleted_at.is_(None), definitions.c.next_at.is_not(None)
    )
    # Locked in the order in which whoever decides them locks them: by name.
    in_order = select(definitions.c.name).where(waiting).order_by(definitions.c.name, definitions.c.kind)
    connection.execute(in_order.with_for_update()).all()
    connection.execute(update(definitions).where(waiting).values(next_at=clock.now()))
    touch(connection, TIMES)


def all_known(connection: Connection) -> list[dict[str, Any]]:
    """Every calendar: where it comes from, how far it reaches, how many sessions are left, and an alarm when they are few."""
    return [_view(connection, name) for name in names(connection)]


def get(connection: Connection, calendar: str) -> dict[str, Any]:
    """One calendar's facts. Raises NotFound."""
    return _view(connection, calendar)


def _view(connection: Connection, name: str) -> dict[str, Any]:
    row, whole = facts(connection, name), load(connection, name)
    today = clock.now().astimezone(whole.zone).date()
    return {
        "id": row.id,
        "version": row.version,
        "source": row.source,
        "made_by": row.made_by,
        "timezone": row.timezone,
        "first_date": whole.known_from,
        "horizon_date": whole.known_until or row.horizon_date,
        "source_horizon_date": row.horizon_date,
        "session_count": len(whole.sessions),
        "sessions_left": whole.left(today),
        "alarm": whole.alarm(today),
        "disagreements": row.disagreements or [],
    }


def between(connection: Connection, calendar: str, first: date | None = None, last: date | None = None) -> list[date]:
    """The known sessions of a range, both ends included, in order; none of a calendar that is not there."""
    found = _sessions(connection, calendar)
    start = 0 if first is None else bisect_left(found, first)
    return list(found[start : None if last is None else bisect_right(found, last)])


def is_session(connection: Connection, calendar: str, day: date) -> bool:
    """Whether the exchange trades that day, as far as is known."""
    return bool(between(connection, calendar, day, day))


def nth_back(connection: Connection, calendar: str, day: date, count: int) -> date | None:
    """The `count`th session at or before the day (1: the newest); None when so many are not known."""
    found = _sessions(connection, calendar)
    place = bisect_right(found, day) - count
    return found[place] if place >= 0 else None


def first_after(connection: Connection, calendar: str, day: date) -> date | None:
    """The next session after the day; None past the horizon."""
    found = _sessions(connection, calendar)
    place = bisect_right(found, day)
    return found[place] if place < len(found) else None


def _sessions(connection: Connection, calendar: str) -> tuple[date, ...]:
    try:
        return load(connection, calendar).sessions
    except NotFound:
        return ()
