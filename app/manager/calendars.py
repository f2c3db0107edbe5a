"""The calendars' half of the manager: planted by sources, overridden by people, shown with what is known of them."""

import hashlib
import json
from datetime import date
from functools import partial
from typing import Any

import structlog

from app import clock
from app.definitions.custom_calendar import parse_calendar
from app.definitions.overrides import parse_overrides
from app.errors import Conflict, InUse
from app.store import audit, calendar_sources, calendars, definitions, overrides, views
from app.store.database import Connection, Database

_log = structlog.get_logger("openbell.calendars")


class Calendars:
    """Which days are sessions, as far as is known."""

    database: Database

    def list_calendars(self) -> list[dict[str, Any]]:
        """Every calendar: what is known of it, and how far."""
        with self.database.read() as connection:
            return [views.row_view(row) for row in calendars.all_known(connection)]

    def sessions(self, calendar: str, first: date | None, last: date | None) -> dict[str, Any]:
        """A calendar with its hours and its known sessions of a range, both ends included. Raises NotFound."""
        with self.database.read() as connection:
            row, known = calendars.facts(connection, calendar), calendars.load(connection, calendar)
            days = calendars.between(connection, calendar, first, last)
            return {
                **views.row_view(calendars.get(connection, calendar)),
                "hours": row.hours or [],
                "sessions": [day.isoformat() for day in days],
                "special": [{"date": day.isoformat(), "phases": known.special(day)} for day in days if known.special(day)],
            }

    def plant_calendars(self, answer: dict[str, Any]) -> list[str]:
        """Store what the query `calendar_sessions` answered, each calendar by itself; the ids of those that changed."""
        return [name for name, said in answer.items() if said["sessions"] and self.database.write(partial(_plant, name, said))]

    def calendar_remarks(self) -> dict[str, str]:
        """Which calendars end soon, by what it is about."""
        return {f"calendar {known['id']}": known["alarm"] for known in self.list_calendars() if known["alarm"]}

    def warn_of_calendars(self) -> None:
        """Log which calendars end soon, and of which days their sources say different things."""
        for known in self.list_calendars():
            if known["alarm"]:
                _log.warning("calendar ends soon", calendar=known["id"], left=known["sessions_left"], detail=known["alarm"])
            if known["disagreements"]:
                days = [each["date"] for each in known["disagreements"]]
                _log.warning("the sources of a calendar disagree", calendar=known["id"], source=known["source"], days=days)

    def save_calendar(self, document: object, *, by: str) -> tuple[dict[str, Any], bool]:
        """Make a calendar of the user's own, or change it; its view, and whether it is new. Raises Invalid, Conflict."""
        wanted = parse_calendar(document, clock.market_date())
        content = hashlib.sha256(json.dumps(wanted.document, sort_keys=True).encode()).hexdigest()[:16]

        def save(connection: Connection) -> tuple[dict[str, Any], bool]:
            created = wanted.name not in calendars.names(connection)
            known = None if created else calendars.facts(connection, wanted.name)
            if known and known.made_by is None:
                hint = f"POST /api/v1/calendars/{wanted.name}/overrides changes days of it."
                raise Conflict(f"The calendar {wanted.name} is planted by a source.", hint=hint)
            if known and known.hash != content:
                overrides.end_at(connection, wanted.name, wanted.known_until)
            planted = calendar_sources.plant(
                connection,
                wanted.name,
                wanted.sessions,
                "custom",
                content,
                horizon=wanted.known_until,
                hours=wanted.hours,
                phases=wanted.special,
                made_by=by,
                timezone=wanted.timezone,
            )
            if planted:
                detail = {"sessions": len(wanted.sessions), "known_until": wanted.known_until.isoformat()}
                audit.add(connection, by, "create" if created else "change", "calendar", wanted.name, detail)
            return views.row_view(calendars.get(connection, wanted.name)), created

        return self.database.write(save)

    def delete_calendar(self, calendar: str, *, by: str) -> None:
        """Remove a calendar of the user's own. Raises NotFound; Conflict for a source's; InUse with the users."""

        def drop(connection: Connection) -> None:
            if calendars.facts(connection, calendar).made_by is None:
                raise Conflict(f"The calendar {calendar} is planted by a source, which would plant it again.")
            if users := _users(connection, calendar):
                raise InUse(f"The calendar {calendar} is used by {', '.join(users)}.", hint="Delete, or change, those first.")
            calendar_sources.drop(connection, calendar)
            audit.add(connection, by, "delete", "calendar", calendar)

        self.database.write(drop)

    def override(self, calendar: str, document: object, *, by: str) -> dict[str, Any]:
        """Store one override or many, all or none; they hold at once. The calendar's view. Raises NotFound, Invalid."""

        def store(connection: Connection) -> dict[str, Any]:
            row, known = calendars.facts(connection, calendar), calendars.load(connection, calendar)
            wanted = parse_overrides(document, known, row.horizon_date, clock.market_date())
            if overrides.put(connection, calendar, wanted, by):
                days = [[day.date.isoformat(), day.session, day.reason] for day in wanted.days]
                until = wanted.known_until.isoformat() if wanted.known_until else None
                audit.add(connection, by, "override", "calendar", calendar, {"days": days, "known_until": until})
            return views.row_view(calendars.get(connection, calendar))

        return self.database.write(store)

    def overrides(self, calendar: str, *, after: date | None, limit: int) -> list[dict[str, Any]]:
        """Overrides behind that date, in order. Raises NotFound."""
        with self.database.read() as connection:
            return [views.row_view(row) for row in overrides.page(connection, calendar, after, limit)]

    def delete_override(self, calendar: str, day: date, *, by: str) -> None:
        """Take an override back; the source's word holds at once. Raises NotFound; Conflict where no source has one."""

        def remove(connection: Connection) -> None:
            said = overrides.remove(connection, calendar, day)
            audit.add(connection, by, "delete", "override", calendar, said)

        self.database.write(remove)


def _plant(name: str, said: dict[str, Any], connection: Connection) -> bool:
    content = {part: said[part] for part in ("sessions", "horizon", "timezone", "hours")}
    return calendar_sources.plant(
        connection,
        name,
        [date.fromisoformat(day) for day in said["sessions"]],
        said["source"],
        hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16],
        horizon=date.fromisoformat(said["horizon"]),
        hours=said["hours"],
        timezone=said["timezone"],
        disagreements=said["disagreements"],
    )


def _users(connection: Connection, calendar: str) -> list[str]:
    """Whose documents name it."""
    kinds: tuple[definitions.Kind, ...] = ("job", "schedule")
    return [
        f"{kind} {each.name!r}"
        for kind in kinds
        for each in definitions.every(connection, kind)
        if each.document.get("calendar") == calendar
    ]
