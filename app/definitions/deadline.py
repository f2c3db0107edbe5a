"""The deadline: a run of a job has succeeded for each trade date, or a dataset is published up to it, by a moment of that day."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from app.definitions.calendar import SHIPPED, Calendar, check_calendar
from app.definitions.faults import Faults
from app.definitions.moment import ANCHORS, MomentText, parse_moment
from app.definitions.plain import must_be_plain
from app.definitions.shape import Name, Shape, Text, Zone, read

CalendarOfJob = Callable[[str], str | None]
"""The calendar that a job names; None when it names none, or when there is no such job."""

_DETAIL = "The deadline is not valid."
_HINT = 'For example {"name": "scores_by_eight", "job": "scoring_save_job", "at": "20:00", "calendar": "XSHG"}.'


class DeadlineDocument(Shape):
    """A deadline as it is sent. `at` is a time of the zone, or counts from the trade date's session; `day`: of the next one."""

    name: Name
    job: Name
    at: MomentText
    day: Literal["T", "T+1"] = "T"
    timezone: Zone = "Asia/Shanghai"
    calendar: str | None = None
    dataset: Name | None = None
    description: Text = ""
    paused: bool = False


@dataclass(frozen=True)
class Deadline:
    """A deadline without a fault, and its canonical form."""

    name: str
    job: str
    document: dict[str, Any]


def parse_deadline(
    document: object,
    jobs: Collection[str] | None = None,
    *,
    calendar_of: CalendarOfJob | None = None,
    calendars: Collection[str] = SHIPPED,
) -> Deadline:
    """The deadline that the document describes. Raises Invalid with every fault.

    With `jobs`, a job that is not among them is a fault; with `calendar_of`, no calendar of its own and none of the job's too.
    """
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, bad = read(DeadlineDocument, document, faults)
    if isinstance(document, dict):
        if "calendar" not in bad:
            check_calendar(document.get("calendar"), calendars, faults, ("calendar",))
        if "job" not in bad:
            _check_job(document, jobs, calendar_of, faults)
    faults.finish(_DETAIL, hint=_HINT)
    assert model is not None
    return Deadline(model.name, model.job, model.plain())


def _check_job(
    document: Mapping[str, Any], jobs: Collection[str] | None, calendar_of: CalendarOfJob | None, faults: Faults
) -> None:
    job = document["job"]
    if jobs is not None and job not in jobs:
        faults.add(("job",), f"there is no job {job!r}{faults.others(job, jobs)}")
    elif calendar_of is not None and document.get("calendar") is None and calendar_of(job) is None:
        example = '"calendar": "XSHG"'
        faults.add(("calendar",), f"is missing: the job {job!r} has none, and its trade dates are counted by one, as {example}")


def check_anchor(document: Mapping[str, Any], calendar: Calendar, today: date) -> None:
    """Raise Invalid when `at` counts from what no session of the calendar has, by its hours of now and of its horizon."""
    moment = parse_moment(document["at"])
    if moment is None or moment.anchor is None:
        return
    days = (today, calendar.known_until or today)
    sessions = [session for day in days for session in calendar.sessions_as_usual(day)]
    has = [anchor for anchor in ANCHORS if any(session.anchor(anchor) for session in sessions)]
    if moment.anchor not in has:
        faults = Faults()
        others = f"its sessions have {', '.join(has)}" if has else "it says no hours: write a time, as 20:00"
        faults.add(("at",), f"counts from {moment.anchor!r}, which no session of {calendar.name} has; {others}")
        faults.finish(_DETAIL, hint=_HINT)
