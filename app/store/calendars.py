"""The exchanges' calendars: sessions from a source, overrides of people on top; past the horizon nothing is known."""

import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, insert, or_, select, update

from app import clock
from app.definitions.calendar import Calendar
from app.definitions.names import suggestion
from app.definitions.sessions import Hours, Phase
from app.errors import NotFound
from app.store.changes import CALENDARS
from app.store.database import touch
from app.store.tables import calendar_overrides, calendars, sessions

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
    days = {day: phases for day, phases in connection.execute(_source_days(row)) if not is_extension(row, day)}
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


def _source_days(row: Row[Any]) -> Any:
    return select(sessions.c.session_date, sessions.c.phases).where(sessions.c.calendar == row.id)


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
    return max(row.horizon_date, row.extended_until or row.horizon_date)


def is_extension(row: Row[Any], day: date) -> bool:
    """Whether a list that people gave speaks for that day, and not the source."""
    return row.extended_until is not None and row.extended_from < day <= row.extended_until


def names(connection: Connection) -> list[str]:
    """The calendars that there are."""
    return list(connection.execute(select(calendars.c.id).order_by(calendars.c.id)).scalars())


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
    known = connection.execute(_FACTS, {"calendar": calendar}).first()
    values: dict[str, Any] = {"source": source, "planted_at": clock.now(), "hours": list(hours), "made_by": made_by, **more}
    if known and known.hash == content_hash:
        connection.execute(update(calendars).where(calendars.c.id == calendar).values(values))
        return False
    values |= {"horizon_date": horizon or max(days), "hash": content_hash}
    if known:
        connection.execute(update(calendars).where(calendars.c.id == calendar).values(values))
        connection.execute(delete(sessions).where(sessions.c.calendar == calendar))
    else:
        connection.execute(insert(calendars).values(id=calendar, version=0, **values))
    rows = [{"calendar": calendar, "session_date": day, "phases": (phases or {}).get(day)} for day in days]
    connection.execute(insert(sessions), rows)
    changed(connection, calendar)
    return True


def changed(connection: Connection, calendar: str) -> None:
    """Give it a new version, and wake who waits for that."""
    values = {"version": calendars.c.version + 1, "stamp": secrets.token_hex(8)}
    connection.execute(update(calendars).where(calendars.c.id == calendar).values(values))
    touch(connection, CALENDARS)


def planted_before(connection: Connection, at: datetime) -> bool:
    """Whether a source's calendar was planted before that instant, or lacks its hours; or there is none at all."""
    own = calendars.c
    query = select(func.count(), func.count().filter(or_(own.planted_at < at, own.hours.is_(None)))).where(own.made_by.is_(None))
    planted, old = connection.execute(query).one()
    return planted == 0 or old > 0


def all_known(connection: Connection) -> list[dict[str, Any]]:
    """Every calendar: id, version, source, first and last known day, how many sessions."""
    return [_view(connection, name) for name in names(connection)]


def get(connection: Connection, calendar: str) -> dict[str, Any]:
    """One calendar's facts. Raises NotFound."""
    return _view(connection, calendar)


def _view(connection: Connection, name: str) -> dict[str, Any]:
    row, whole = facts(connection, name), load(connection, name)
    return {
        "id": row.id,
        "version": row.version,
        "source": row.source,
        "horizon_date": whole.known_until or row.horizon_date,
        "first_date": whole.known_from,
        "sessions": len(whole.sessions),
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
