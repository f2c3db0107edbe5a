"""The Python face of what fires a job: @schedule, @run_status_sensor and @sensor compile to their documents."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from app.definitions.face import Function, JobDefinition, ship
from app.definitions.schedule import parse_schedule
from app.definitions.trigger import parse_trigger

AnyJob = JobDefinition | str
"""What @job made, or a job's name."""


class RunStatus(Enum):
    """How a run ended, in Dagster's words."""

    SUCCESS = "succeeded"
    FAILURE = "failed"
    CANCELED = "cancelled"


@dataclass(frozen=True)
class RunRequest:
    """What the function of a sensor returns: which job, with which params. `run_key` is taken for Dagster's sake."""

    run_key: None = None
    job_name: str | None = None
    params: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.run_key is not None:
            raise TypeError("run_key is not needed: a trigger fires once for each run or event that it waits for")


class ScheduleDefinition:
    """What @schedule made."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.name: str = document["name"]
        self.document = document

    def __repr__(self) -> str:
        return f"<schedule {self.name}>"


class TriggerDefinition:
    """What @run_status_sensor and @sensor made."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.name: str = document["name"]
        self.document = document

    def __repr__(self) -> str:
        return f"<trigger {self.name}>"


def schedule(
    *,
    job: AnyJob,
    cron_schedule: str | None = None,
    at: str | None = None,
    execution_timezone: str | None = None,
    name: str | None = None,
    day: str | Mapping[str, Any] | None = None,
    calendar: str | None = None,
    trade_date: Literal["same", "previous", "latest_published"] | None = None,
    catch_up: Literal["latest", "all", "skip"] | None = None,
) -> Callable[[Function], ScheduleDefinition]:
    """Fire the job by time, with the params that the function returns. Raises Invalid with every fault.

    The function is called once, now: what it returns goes into the schedule's document.
    """

    def define(function: Function) -> ScheduleDefinition:
        asked = _asked(function)
        said = {
            "cron": cron_schedule,
            "at": at,
            "day": dict(day) if isinstance(day, Mapping) else day,
            "timezone": execution_timezone,
            "calendar": calendar,
            "trade_date": trade_date,
            "catch_up": catch_up,
        }
        document = parse_schedule(_document(function, name, job, asked, said)).document
        ship("schedule", document, function)
        return ScheduleDefinition(document)

    return define


def run_status_sensor(
    *,
    monitored_jobs: Sequence[AnyJob],
    run_status: RunStatus = RunStatus.SUCCESS,
    request_job: AnyJob | None = None,
    match: Literal["all", "any"] = "any",
    name: str | None = None,
    on_rerun: Literal["if_changed", "always", "never"] | None = None,
) -> Callable[[Function], TriggerDefinition]:
    """Fire a job when one of these jobs (with match="all": each, for the same trade date) ended so.

    The function is called once, now, and returns a RunRequest, a dict of params, or nothing when `request_job` says it all.
    """
    when = {"jobs": [_name_of(each) for each in monitored_jobs], "status": run_status.value, "match": match}
    return _trigger(when, request_job, name, on_rerun)


def sensor(
    *,
    event: str | None = None,
    file: str | None = None,
    vendor_ready: Mapping[str, str] | None = None,
    job: AnyJob | None = None,
    name: str | None = None,
    on_rerun: Literal["if_changed", "always", "never"] | None = None,
) -> Callable[[Function], TriggerDefinition]:
    """Fire a job by an event of that name, by files that match a glob, or by a vendor's data being ready.

    Nothing is polled: the function is called once, now, and returns a RunRequest, a dict of params, or nothing.
    """
    forms = {
        "event": event,
        "file": {"glob": file} if file else None,
        "vendor_ready": dict(vendor_ready) if vendor_ready else None,
    }
    return _trigger({form: value for form, value in forms.items() if value is not None}, job, name, on_rerun)


def _trigger(
    when: dict[str, Any], job: AnyJob | None, name: str | None, on_rerun: str | None
) -> Callable[[Function], TriggerDefinition]:
    def define(function: Function) -> TriggerDefinition:
        asked = _asked(function)
        target = asked.job_name or job
        if target is None:
            raise TypeError(f"{function.__name__!r} says no job: return RunRequest(job_name=...)")
        document = parse_trigger(_document(function, name, target, asked, {"when": when, "on_rerun": on_rerun})).document
        ship("trigger", document, function)
        return TriggerDefinition(document)

    return define


def _document(function: Function, name: str | None, job: AnyJob, asked: RunRequest, said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were said, in the order in which documents have them."""
    fields = {
        "name": name or function.__name__,
        "job": _name_of(job),
        **said,
        "params": dict(asked.params) if asked.params else None,
        "description": inspect.getdoc(function),
    }
    return {field: value for field, value in fields.items() if value is not None}


def _asked(function: Function) -> RunRequest:
    """What the function returns, called once. Raises TypeError for one that waits for something to look at."""
    if inspect.signature(function).parameters:
        raise TypeError(
            f"{function.__name__!r} must take no parameter: it is called once, when it is defined. What only the run before "
            'knows is written as a param, as {"start_date": "${upstream.trade_date}"}'
        )
    answer = function()
    if inspect.isgenerator(answer):
        answer = next(iter(list(answer)[-1:]), None)
    if answer is None or isinstance(answer, Mapping):
        return RunRequest(params=answer)
    if isinstance(answer, RunRequest):
        return answer
    raise TypeError(f"{function.__name__!r} must return params or a RunRequest, not {type(answer).__name__}")


def _name_of(job: AnyJob) -> str:
    return job.name if isinstance(job, JobDefinition) else job
