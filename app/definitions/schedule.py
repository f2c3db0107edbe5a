"""The schedule: fires a job by time, on the exchange's calendar."""

from calendar import month_name
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.definitions.calendar import SHIPPED, check_calendar
from app.definitions.faults import Faults, shown
from app.definitions.moment import MomentText, parse_moment
from app.definitions.params import check_params
from app.definitions.plain import must_be_plain
from app.definitions.shape import DayText, Name, Params, Shape, Text, Zone, read

_CRON_LIMIT = 200
_ALLOWED = {
    "minute": "is not valid: 0-59, as in 5, 1-5, 1,5 or */5",
    "hour": "is not valid: 0-23, as in 9, 9-15, 9,15 or */2",
    "day of month": "is not valid: 1-31, as in 1, 1-5, 1,15 or */2; L is the last one",
    "month": "is not valid: 1-12 or JAN-DEC, as in 1, 1-6, 1,7 or */3",
    "day of week": "is not valid: 0-7 or SUN-SAT, 0 and 7 are Sunday, as in 1, 1-5 or 1,3",
}
_FIELDS = list(_ALLOWED)
_NTH_LIMIT = {"month": 23, "week": 7}


def _cron(text: str) -> str:
    if problem := problem_of_cron(text):
        raise PydanticCustomError("value_error", "{problem}", {"problem": problem})
    return text


def problem_of_cron(text: str) -> str:
    """What is wrong with a cron expression of five fields, in a sentence; empty when nothing is."""
    fields = text.split()
    if len(fields) != 5 or len(text) > _CRON_LIMIT:
        return f"must have five fields (minute, hour, day of month, month, day of week), not {shown(text)}"
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        name = str(error).removeprefix("Bad ").replace("-", " ")
        return (
            _impossible_day(fields) or f"is no cron expression: its {name} {shown(fields[_FIELDS.index(name)])} {_ALLOWED[name]}"
        )
    return ""


def _impossible_day(fields: list[str]) -> str:
    """That none of its months is so long, when that alone is wrong with it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        day = min(CronSim(" ".join([*fields[:3], "*", fields[4]]), now).days)
        months = sorted(CronSim(f"0 0 1 {fields[3]} *", now).months)
    except CronSimError:
        return ""
    names = " and ".join(month_name[month] for month in months)
    return f"would never fire: {names} {'has' if len(months) == 1 else 'have'} no {day}{'st' if day == 31 else 'th'}"


class NthSession(Shape):
    """The nth session of a month or a week; -1 is the last one."""

    nth: int
    of: Literal["month", "week"]


class ScheduleDocument(Shape):
    """A schedule as it is sent; `day` is read for itself."""

    name: Name
    job: Name
    cron: Annotated[str, AfterValidator(_cron)] | None = None
    at: MomentText | None = None
    day: Any = None
    timezone: Zone = "Asia/Shanghai"
    calendar: str | None = None
    trade_date: Literal["same", "previous", "latest_published"] = "same"
    catch_up: Literal["latest", "all", "skip"] = "latest"
    on_unknown: Literal["hold", "weekdays_with_alarm"] = "hold"
    overlap: Literal["skip", "queue"] = "skip"
    start_date: DayText | None = None
    end_date: DayText | None = None
    priority: Annotated[int, Field(ge=0, le=100)] | None = None
    params: Params = {}
    description: Text = ""
    paused: bool = False


_DETAIL = "The schedule is not valid."
HINT = 'For example {"name": "scores_after_close", "job": "scoring_save_job", "at": "close+30m", "calendar": "XSHG"}, \
or with "cron": "0 9 * * 1-5" instead of "at".'
"""What a schedule looks like."""


@dataclass(frozen=True)
class Schedule:
    """A schedule without a fault, and its canonical form."""

    name: str
    job: str
    document: dict[str, Any]


PipelineOfJob = Callable[[str], Mapping[str, Any]]
"""The pipeline's document of a job that exists."""


def parse_schedule(
    document: object,
    jobs: Collection[str] | None = None,
    *,
    pipeline_of: PipelineOfJob | None = None,
    calendars: Collection[str] = SHIPPED,
) -> Schedule:
    """The schedule that the document describes. Raises Invalid with every fault.

    With `jobs`, a job that is not among them is a fault; with `pipeline_of`, the params are checked too.
    """
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, bad = read(ScheduleDocument, document, faults)
    if isinstance(document, dict):
        _check_time(document, bad, faults)
        _check_day(document.get("day"), faults)
        _check_dates(document, model, bad, faults)
        if "calendar" not in bad:
            check_calendar(document.get("calendar"), calendars, faults, ("calendar",))
        check_job(document, bad, jobs, pipeline_of, faults)
    faults.finish(_DETAIL, hint=HINT)
    assert model is not None
    return Schedule(model.name, model.job, model.plain())


def check_job(
    document: Mapping[str, Any],
    bad: frozenset[str],
    jobs: Collection[str] | None,
    pipeline_of: PipelineOfJob | None,
    faults: Faults,
    *,
    open_params: Collection[str] = (),
) -> None:
    """Note a job that is not known, and params that its pipeline does not take; of open ones the name alone is known."""
    if "job" in bad:
        return
    job = document["job"]
    if jobs is not None and job not in jobs:
        faults.add(("job",), f"there is no job {job!r}{faults.others(job, jobs)}")
    elif pipeline_of is not None and "params" not in bad:
        check_params(pipeline_of(job).get("params", {}), document.get("params", {}), faults, open_params=open_params)


def _check_time(document: Mapping[str, Any], bad: frozenset[str], faults: Faults) -> None:
    cron, at = document.get("cron"), document.get("at")
    if (cron is None) == (at is None):
        faults.add((), "must have either 'cron' or 'at'")
    if document.get("day") is not None and cron is not None:
        faults.add(("day",), "goes with 'at'; a cron expression says its days itself")
    if document.get("calendar") is not None or "calendar" in bad:
        return
    moment = parse_moment(at) if at is not None and "at" not in bad else None
    if (moment and moment.anchor) or document.get("day") is not None:
        faults.add(("calendar",), "is missing: an 'at' with an anchor and a 'day' are counted from its sessions")


def _check_dates(document: Mapping[str, Any], model: ScheduleDocument | None, bad: frozenset[str], faults: Faults) -> None:
    if document.get("trade_date") == "previous" and document.get("calendar") is None and "calendar" not in bad:
        faults.add(("trade_date",), '\'previous\' is counted from the sessions of a calendar: say which, as "calendar": "XSHG"')
    if model and model.start_date and model.end_date and model.end_date < model.start_date:
        faults.add(("end_date",), f"lies before start_date ({model.start_date})")


def _check_day(day: Any, faults: Faults) -> None:
    if day is None or day in ("T", "T+1"):
        return
    if not isinstance(day, dict):
        faults.add(("day",), f'must be "T", "T+1" or {{"nth": -1, "of": "month"}}, not {shown(day)}')
        return
    nth, _ = read(NthSession, day, faults, ("day",))
    most = _NTH_LIMIT[nth.of] if nth else 0
    if nth and not 1 <= abs(nth.nth) <= most:
        faults.add(("day", "nth"), f"must be 1 to {most}, or -1 to -{most} counted from the end")
