"""A calendar of the user's own: its zone, its hours, its sessions and how far they are known."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import Field

from app.definitions.calendar import SHIPPED
from app.definitions.faults import Faults, shown
from app.definitions.overrides import FURTHEST
from app.definitions.phases import Plain, read_phases
from app.definitions.plain import must_be_plain
from app.definitions.shape import DayText, Shape, Text, Zone, read

SESSIONS_LIMIT = 15_000
"""Sixty years."""
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)
_NAME_RULE = "must be upper case letters, digits and _, beginning with a letter, at most 32 characters, as XNYS"
_DETAIL = "The calendar is not valid."


class HoursDocument(Shape):
    """The hours of every session from a date on."""

    since: DayText
    phases: list[Any] = Field(description="As in an override: the phases of a session, or a list of such lists for several.")


class SpecialDocument(Shape):
    """A session with hours of its own."""

    date: DayText
    phases: list[Any]


class CalendarDocument(Shape):
    """A calendar as it is sent."""

    name: str = ""
    timezone: Zone
    hours: list[HoursDocument] = Field(min_length=1, max_length=100)
    sessions: list[DayText] = Field(min_length=1, max_length=SESSIONS_LIMIT, description="Every date with a session.")
    special: list[SpecialDocument] = Field([], max_length=2000, description="Those of them whose hours are not the usual ones.")
    known_until: DayText = Field(description="The horizon: every day up to it that is not among the sessions is closed.")
    description: Text = ""


@dataclass(frozen=True)
class CustomCalendar:
    """A calendar without a fault."""

    name: str
    timezone: str
    hours: list[dict[str, Any]]
    sessions: list[date]
    special: dict[date, list[Plain]]
    known_until: date
    document: dict[str, Any]


def parse_calendar(document: object, today: date) -> CustomCalendar:
    """The calendar that the document describes. Raises Invalid with every fault."""
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, _ = read(CalendarDocument, document, faults)
    if model is None:
        faults.finish(_DETAIL)
    assert model is not None
    _check_name(model.name, faults)
    days = [date.fromisoformat(day) for day in model.sessions]
    until = date.fromisoformat(model.known_until)
    _check_days(days, until, today, faults)
    hours = _hours(model, min(days), faults)
    special = _special(model, frozenset(days), faults)
    faults.finish(_DETAIL)
    return CustomCalendar(model.name, model.timezone, hours, sorted(days), special, until, model.plain())


def _check_name(name: str, faults: Faults) -> None:
    if not _NAME.fullmatch(name):
        faults.add(("name",), f"{_NAME_RULE}, not {shown(name)}")
    elif name in SHIPPED:
        faults.add(("name",), f"{name} comes with Openbell: POST its overrides to change a day of it")


def _check_days(days: list[date], until: date, today: date, faults: Faults) -> None:
    seen = set[date]()
    for at, day in enumerate(days):
        if day in seen:
            faults.add(("sessions", at), f"{day} is named twice")
        elif day > until:
            faults.add(("sessions", at), f"{day} lies past known_until ({until})")
        seen.add(day)
    if until > today + FURTHEST:
        faults.add(("known_until",), "lies more than ten years ahead: no exchange says so much")


def _hours(model: CalendarDocument, first: date, faults: Faults) -> list[dict[str, Any]]:
    """In the form that is kept: of a date with several sessions an entry for each."""
    found: list[dict[str, Any]] = []
    seen = set[str]()
    for at, hours in enumerate(model.hours):
        if hours.since in seen:
            faults.add(("hours", at, "since"), f"{hours.since} is named twice: phases may be a list of sessions")
        seen.add(hours.since)
        parts = read_phases(hours.phases, faults, ("hours", at, "phases"))
        found += [{"since": hours.since, "phases": phases} for phases in parts]
    if min(seen) > first.isoformat():
        faults.add(("hours",), f"begin at {min(seen)}, after the first session ({first})")
    return sorted(found, key=lambda entry: str(entry["since"]))


def _special(model: CalendarDocument, days: frozenset[date], faults: Faults) -> dict[date, list[Plain]]:
    found: dict[date, list[Plain]] = {}
    for at, special in enumerate(model.special):
        day = date.fromisoformat(special.date)
        if day not in days:
            faults.add(("special", at, "date"), f"{day} is not among the sessions")
        elif day in found:
            faults.add(("special", at, "date"), f"{day} is named twice")
        found[day] = read_phases(special.phases, faults, ("special", at, "phases"))
    return found
