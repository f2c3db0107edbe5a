"""The job: the executable form of a pipeline. A definition, never an execution."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.definitions.calendar import SHIPPED, check_calendar
from app.definitions.faults import Faults, shown
from app.definitions.params import check_params
from app.definitions.plain import must_be_plain
from app.definitions.retry import RetryPolicy
from app.definitions.shape import Name, Params, Seconds, Shape, Tags, Text, read

PRIORITIES = {"high": 80, "medium": 50, "low": 20}
DEFAULT_PRIORITY = PRIORITIES["medium"]
HIGHEST_PRIORITY = 100
_PRIORITY_RULE = f"must be 0 to {HIGHEST_PRIORITY}, or {', '.join(PRIORITIES)}"


def priority_of(value: object) -> int | None:
    """A priority as a number, higher first; None for what is none."""
    if isinstance(value, str):
        return PRIORITIES.get(value)
    return value if type(value) is int and 0 <= value <= HIGHEST_PRIORITY else None


def _priority(value: Any) -> Any:
    if value is not None and priority_of(value) is None:
        raise PydanticCustomError("value_error", "{rule}, not {value}", {"rule": _PRIORITY_RULE, "value": shown(value)})
    return value


Priority = Annotated[Any, AfterValidator(_priority)]


class JobDocument(Shape):
    """A job as it is sent."""

    name: Name
    pipeline: Name
    pipeline_version: int | None = Field(None, ge=1)
    params: Params = Field(default_factory=dict)
    tags: Tags = Field(default_factory=dict)
    priority: Priority = None
    max_concurrent_runs: int = Field(1, ge=1, le=1000)
    timeout_seconds: Seconds | None = None
    memory_limit_bytes: int | None = Field(None, ge=64 * 2**20, le=2**50)
    retry: RetryPolicy | None = None
    calendar: str | None = None
    stands_for: Name | None = None
    description: Text = ""
    owner: Annotated[str, Field(max_length=200)] = ""
    runbook: Text = ""
    paused: bool = False


_DETAIL = "The job is not valid."


@dataclass(frozen=True)
class Job:
    """A job without a fault. `document` is its canonical form; `priority` counts the tag of that name."""

    name: str
    pipeline: str
    pipeline_version: int | None
    params: dict[str, Any]
    tags: dict[str, str]
    priority: int
    max_concurrent_runs: int
    timeout_seconds: float | None
    memory_limit_bytes: int | None
    retry: RetryPolicy | None
    calendar: str | None
    document: dict[str, Any]


def parse_job(
    document: object,
    pipeline_document: Mapping[str, Any] | None = None,
    *,
    pipelines: Collection[str] | None = None,
    calendars: Collection[str] = SHIPPED,
    jobs: Collection[str] | None = None,
) -> Job:
    """The job that the document describes, its params checked when the pipeline's document is given.

    With `pipelines`, a pipeline that is not among them is a fault; with `jobs`, a job to stand for that is not. Raises Invalid
    with every fault.
    """
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, bad = read(JobDocument, document, faults)
    if isinstance(document, dict):
        _check_meaning(document, bad, pipeline_document, pipelines, calendars, faults)
        if "stands_for" not in bad:
            _check_stood_for(document, jobs, faults)
    faults.finish(_DETAIL)
    assert model is not None
    return _job(model)


def _check_meaning(
    document: Mapping[str, Any],
    bad: frozenset[str],
    pipeline_document: Mapping[str, Any] | None,
    pipelines: Collection[str] | None,
    calendars: Collection[str],
    faults: Faults,
) -> None:
    if pipelines is not None and not {"pipeline", "pipeline_version"} & bad:
        name, version = document["pipeline"], document.get("pipeline_version")
        if name not in pipelines:
            faults.add(("pipeline",), f"there is no pipeline {name!r}{faults.near(name, pipelines)}")
        elif version is not None and pipeline_document is None:
            faults.add(("pipeline_version",), f"the pipeline {name!r} has no version {version}")
    if "params" not in bad and "params" in document and pipeline_document is not None:
        check_params(pipeline_document.get("params", {}), document["params"], faults)
    if "calendar" not in bad:
        check_calendar(document.get("calendar"), calendars, faults, ("calendar",))
    if "tags" not in bad and (tag := document.get("tags", {}).get("priority")) is not None and _of_tag(tag) is None:
        faults.add(("tags", "priority"), f"{_PRIORITY_RULE}, not {shown(tag)}: this tag sets the priority")


def _check_stood_for(document: Mapping[str, Any], jobs: Collection[str] | None, faults: Faults) -> None:
    other = document.get("stands_for")
    if other is not None and other == document.get("name"):
        faults.add(("stands_for",), f"{other!r} stands for itself anyway: leave it out, or name another job")
    elif other is not None and jobs is not None and other not in jobs:
        faults.add(("stands_for",), f"there is no job {other!r}{faults.others(other, jobs)}")


def _of_tag(text: str) -> int | None:
    """The priority that a tag says; its number is a text."""
    return priority_of(int(text) if text.isascii() and text.isdigit() else text)


def document_priority(document: Mapping[str, Any]) -> int:
    """The priority of a valid job document: its own, or its tag's, or the default."""
    said = document.get("priority")
    if said is None:
        said = document.get("tags", {}).get("priority", DEFAULT_PRIORITY)
    number = _of_tag(said) if isinstance(said, str) else priority_of(said)
    assert number is not None
    return number


def _job(model: JobDocument) -> Job:
    document = model.plain()
    return Job(
        name=model.name,
        pipeline=model.pipeline,
        pipeline_version=model.pipeline_version,
        params=model.params,
        tags=model.tags,
        priority=document_priority(document),
        max_concurrent_runs=model.max_concurrent_runs,
        timeout_seconds=model.timeout_seconds,
        memory_limit_bytes=model.memory_limit_bytes,
        retry=model.retry,
        calendar=model.calendar,
        document=document,
    )
