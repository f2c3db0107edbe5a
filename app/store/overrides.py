"""Overrides of people over what a calendar's source says: kept apart from it, so that the next planting keeps them."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app import clock
from app.definitions.overrides import Overrides
from app.errors import Conflict, NotFound
from app.store import calendars as stored
from app.store.tables import calendar_overrides, calendars, sessions

_OWN = calendar_overrides.c


def page(connection: Connection, calendar: str, after: date | None, limit: int) -> list[dict[str, Any]]:
    """Overrides behind that date, in order, each with what the source says of its day: null past the source's horizon."""
    row = stored.facts(connection, calendar)
    query = select(calendar_overrides).where(_OWN.calendar == calendar).order_by(_OWN.session_date).limit(limit)
    if after is not None:
        query = query.where(_OWN.session_date > after)
    found = list(connection.execute(query).mappings())
    known = _source_days(connection, calendar, [each["session_date"] for each in found])
    return [
        {
            "date": each["session_date"],
            "session": each["is_session"],
            "phases": each["phases"],
            "reason": each["reason"],
            "made_at": each["made_at"],
            "made_by": each["made_by"],
            "source_says": each["session_date"] in known if each["session_date"] <= row.horizon_date else None,
        }
        for each in found
    ]


def put(connection: Connection, calendar: str, wanted: Overrides, by: str) -> bool:
    """Store them all and move the horizon, if that is asked; whether anything is another now. Raises NotFound."""
    row = stored.facts(connection, calendar)
    known = {each.session_date: (each.is_session, each.phases, each.reason) for each in _all(connection, calendar)}
    new = [day for day in wanted.days if known.get(day.date) != (day.session, day.phases, day.reason)]
    _replace(connection, calendar, [_values(day.date, day.session, day.reason, by, day.phases) for day in new])
    moved = wanted.known_until is not None and wanted.known_until != stored.horizon(row)
    if moved:
        assert wanted.known_until is not None
        _reach(connection, calendar, wanted.known_until, wanted.known_until if wanted.known_until > row.horizon_date else None)
    if new or moved:
        stored.changed(connection, calendar)
    return bool(new or moved)


def remove(connection: Connection, calendar: str, day: date) -> dict[str, Any]:
    """Take the override of that day back; what it said. Raises NotFound; Conflict where no source would say it then."""
    row = stored.facts(connection, calendar)
    found = next((each for each in _all(connection, calendar) if each.session_date == day), None)
    if found is None:
        raise NotFound(f"The calendar {calendar} has no override of {day}.")
    if day > row.horizon_date and found.is_session:
        raise Conflict(
            f"No source knows of {day} yet: without its override it would pass for a holiday.",
            hint='Override it with "session": false, or take the list back by an earlier "known_until".',
        )
    connection.execute(delete(calendar_overrides).where(_OWN.calendar == calendar, _OWN.session_date == day))
    stored.changed(connection, calendar)
    return {"date": day.isoformat(), "session": found.is_session, "reason": found.reason}


def end_at(connection: Connection, calendar: str, day: date) -> None:
    """Forget what overrides say behind that day, which is the source's own horizon from now on."""
    _reach(connection, calendar, day, None)


def _reach(connection: Connection, calendar: str, day: date, extended_until: date | None) -> None:
    connection.execute(update(calendars).where(calendars.c.id == calendar).values(extended_until=extended_until))
    connection.execute(delete(calendar_overrides).where(_OWN.calendar == calendar, _OWN.session_date > day))


def keep_the_list(connection: Connection, calendar: str, days: Iterable[date], source: str) -> list[date]:
    """Before a source's days are stored: what a list of people left out stays closed, also where the source knows it now.

    Answers the days of which the two say something else.
    """
    row = connection.execute(select(calendars).where(calendars.c.id == calendar)).first()
    if row is None or row.extended_until is None:
        return []
    said = {each.session_date: each.is_session for each in _all(connection, calendar)}
    newly = {day for day in days if row.horizon_date < day <= row.extended_until}
    left_out = sorted(newly - said.keys())
    reason = f"not in the list that reached to {row.extended_until}; {source} says that it is a session"
    _replace(connection, calendar, [_values(day, False, reason, "service", None) for day in left_out])
    return left_out


def _values(day: date, is_session: bool, reason: str, by: str, phases: list[Any] | None) -> dict[str, Any]:
    return {
        "session_date": day,
        "is_session": is_session,
        "phases": phases,
        "reason": reason,
        "made_at": clock.now(),
        "made_by": by,
    }


def _replace(connection: Connection, calendar: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        days = [row["session_date"] for row in rows]
        connection.execute(delete(calendar_overrides).where(_OWN.calendar == calendar, _OWN.session_date.in_(days)))
        connection.execute(insert(calendar_overrides), [{"calendar": calendar, **row} for row in rows])


def _all(connection: Connection, calendar: str) -> list[Any]:
    return list(connection.execute(select(calendar_overrides).where(_OWN.calendar == calendar)))


def _source_days(connection: Connection, calendar: str, days: Sequence[date]) -> set[date]:
    query = select(sessions.c.session_date).where(sessions.c.calendar == calendar, sessions.c.session_date.in_(days))
    return set(connection.execute(query).scalars())
