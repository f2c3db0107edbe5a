"""What people know better than a calendar's source: closures, half days, ad-hoc sessions, the list of a year to come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from app.definitions.calendar import Calendar
from app.definitions.faults import Faults, Path
from app.definitions.overrides_csv import read_csv
from app.definitions.phases import read_phases
from app.definitions.plain import must_be_plain
from app.definitions.shape import DayText, Shape, read

LIMIT = 1000
"""Overrides of one request: four years of sessions."""
FURTHEST = timedelta(days=3700)
LONGEST_CLOSURE = timedelta(days=25)
"""A list that leaves out more days in a row is no list: the longest closure since 1990 left 19 days without a session."""
_DAY = timedelta(days=1)
_DETAIL = "The overrides are not valid; nothing of them was stored."

_PHASES = """The phases of that day, `[["auction", "09:15", "09:25"], ["continuous", "09:30", "11:30"]]`; a list of such lists \
where the day has several sessions. A fourth entry, -1, says that a phase begins the evening before. Default: the usual ones."""
_KNOWN_UNTIL = """The horizon from now on: with these days everything up to then is said. Earlier than before, it takes back \
what lies behind it."""
_OTHERWISE = """What the days are that lie behind the present horizon and are not named: closed, or sessions from Monday to \
Friday."""

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class OverrideDocument(Shape):
    """What one day is: a session or not, its phases where they are not the usual ones, and why."""

    date: DayText
    session: bool
    phases: list[Any] | None = Field(None, description=_PHASES)
    reason: Reason


class OverridesDocument(Shape):
    """Several overrides, as a list or as CSV; taken as a whole or not at all."""

    overrides: list[OverrideDocument] = Field([], max_length=LIMIT)
    csv: str | None = Field(None, description="In place of `overrides`: lines under the header `date,session,reason`.")
    known_until: DayText | None = Field(None, description=_KNOWN_UNTIL)
    otherwise: Literal["closed", "weekdays"] = Field("closed", description=_OTHERWISE)


@dataclass(frozen=True)
class Override:
    """A day without a fault."""

    date: date
    session: bool
    reason: str
    phases: list[Any] | None = None


@dataclass(frozen=True)
class Overrides:
    """What is to be stored, all at once."""

    days: tuple[Override, ...]
    known_until: date | None


def parse_overrides(document: object, calendar: Calendar, source_horizon: date, today: date) -> Overrides:
    """The overrides that the document describes, for this calendar as it is. Raises Invalid with every fault."""
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    many = isinstance(document, dict) and ("overrides" in document or "csv" in document or "known_until" in document)
    if many:
        assert isinstance(document, dict)
        rows, head = _rows(document, faults)
    else:
        rows, head = [((), document)], OverridesDocument()
    days = _days(rows, faults)
    until = date.fromisoformat(head.known_until) if head and head.known_until else None
    if head is not None:
        _check_horizon(until, calendar, source_horizon, today, faults)
    for path, day in days:
        _check_day(day, path, calendar, until, faults)
    listed = [day for _, day in days]
    if until and calendar.known_until and head and not faults:
        if head.otherwise == "weekdays":
            listed += _weekdays(listed, calendar.known_until, until)
        _check_closures(listed, calendar, until, faults)
    faults.finish(_DETAIL)
    return Overrides(tuple(sorted(listed, key=lambda day: day.date)), until)


def _rows(document: Mapping[str, Any], faults: Faults) -> tuple[list[tuple[Path, Any]], OverridesDocument | None]:
    """Each override with its place, and the document without them."""
    said, text = document.get("overrides"), document.get("csv")
    head, bad = read(OverridesDocument, {name: value for name, value in document.items() if name != "overrides"}, faults)
    if said is not None and text is not None:
        faults.add(("csv",), "cannot stand beside overrides: say the days in one of the two")
    if said is not None and not isinstance(said, list):
        faults.add(("overrides",), "must be a list")
        said = None
    rows: list[tuple[Path, Any]] = [(("overrides", at), row) for at, row in enumerate(said or ())]
    if isinstance(text, str) and "csv" not in bad:
        rows = [(("lines", number), row) for number, row in read_csv(text, faults)]
    if len(rows) > LIMIT:
        faults.add(("overrides",) if said else ("csv",), f"has {len(rows)} days; one request may have {LIMIT}")
        rows = []
    if document.get("otherwise") == "weekdays" and not document.get("known_until"):
        faults.add(("otherwise",), "is said of the days up to known_until, which is missing")
    if not rows and not faults and not document.get("known_until"):
        faults.add(("overrides",), "names no day")
    return rows, head


def _days(rows: Iterable[tuple[Path, Any]], faults: Faults) -> list[tuple[Path, Override]]:
    found: list[tuple[Path, Override]] = []
    first: dict[str, Path] = {}
    for path, raw in rows:
        model, _ = read(OverrideDocument, raw, faults, path)
        phases = None
        if isinstance(raw, dict) and raw.get("phases") is not None:
            if raw.get("session") is False:
                faults.add((*path, "phases"), "a day that is no session has none")
            else:
                phases = read_phases(raw["phases"], faults, (*path, "phases"))
        if model is None:
            continue
        if model.date in first:
            faults.add((*path, "date"), f"{model.date} is named twice")
        first[model.date] = path
        found.append((path, Override(date.fromisoformat(model.date), model.session, model.reason, phases)))
    return found


def _check_horizon(until: date | None, calendar: Calendar, source_horizon: date, today: date, faults: Faults) -> None:
    if until is None:
        return
    if until < source_horizon:
        faults.add(("known_until",), f"lies before {source_horizon}, up to which the calendar's source knows every day")
    elif until > today + FURTHEST:
        faults.add(("known_until",), "lies more than ten years ahead: no exchange says so much")


def _check_day(day: Override, path: Path, calendar: Calendar, until: date | None, faults: Faults) -> None:
    horizon = until or calendar.known_until
    if calendar.known_from and day.date < calendar.known_from:
        faults.add((*path, "date"), f"{day.date} lies before the first session of {calendar.name} ({calendar.known_from})")
    elif horizon and day.date > horizon:
        hint = "" if until else ', which a list for the days up to then moves: "known_until": "..."'
        faults.add((*path, "date"), f"{day.date} lies past the horizon ({horizon}){hint}")


def _weekdays(named: Iterable[Override], horizon: date, until: date) -> list[Override]:
    """A session for each day from Monday to Friday behind the horizon that nobody named."""
    said = {day.date for day in named}
    behind = (horizon + _DAY * number for number in range(1, (until - horizon).days + 1))
    reason = f"a weekday that the list up to {until} does not name"
    return [Override(day, True, reason) for day in behind if day.weekday() < 5 and day not in said]


def _check_closures(listed: Iterable[Override], calendar: Calendar, until: date, faults: Faults) -> None:
    """Behind the present horizon a list has to be whole: days that it only forgot would pass for holidays."""
    horizon, last = calendar.known_until, calendar.last_known
    if horizon is None or last is None or until <= horizon:
        return
    days = sorted(day.date for day in listed if day.session and day.date > horizon)
    for before, after in pairwise([last, *days, until + _DAY]):
        if after - before > LONGEST_CLOSURE:
            message = f"the list says nothing of the {(after - before).days - 1} days between {before} and {after}"
            faults.add(("known_until",), f'{message}: name their sessions, or say "otherwise": "weekdays" and name the holidays')
            return
