"""Runs and their steps, and how they are asked for."""

from typing import Any, Literal

from pydantic import Field

from app.api.paging import Page
from app.api.schemas.shown import Day, DayIn, Instant, InstantIn, Shown
from app.definitions.job import Priority
from app.definitions.shape import Shape, Tags
from app.manager import Reason, RunStatus, StepStatus


class RunIn(Shape):
    """What a run is to be made with; everything may be left out."""

    params: dict[str, Any] = Field(default_factory=dict, description="Over the job's params, which stand over the pipeline's.")
    trade_date: DayIn | None = Field(None, description="The market day that the run is about.")
    tags: Tags = Field(default_factory=dict, description="Added to the job's tags.")
    priority: Priority = Field(None, description="0 to 100, higher first; or high, medium, low.")
    note: str | None = Field(None, max_length=2000, description="Why this run is made.")


class RetryIn(Shape):
    """From where a run is to be done again."""

    from_: str = Field("failed", alias="from", max_length=63, description="failed, start, or a node.")
    note: str | None = Field(None, max_length=2000)


class RunsQuery(Page):
    """Which runs; all that is given must hold."""

    job: str | None = None
    status: RunStatus | None = None
    tag: str | None = Field(None, description="As name:value.")
    trade_date: DayIn | None = None
    since: InstantIn | None = Field(None, description="Queued at or after.")
    until: InstantIn | None = Field(None, description="Queued before.")


class LogsQuery(Page):
    """Which lines of a log."""

    attempt: int | None = Field(None, ge=1, le=2**31 - 1, description="Of one attempt; default: of all, in order.")


class StepError(Shown):
    """Why a step failed, as its process said."""

    type: str | None = None
    message: str | None = None
    traceback: str | None = None
    hint: str | None = None


class Step(Shown):
    """One node in one run: its newest attempt."""

    node: str
    op: str
    status: StepStatus
    reason: Reason | None
    attempt: int
    due_at: Instant | None
    started_at: Instant | None
    finished_at: Instant | None
    duration: float | None
    metrics: dict[str, Any] | None
    outputs: dict[str, Any] | None
    error: StepError | None
    taken_over: bool = Field(description="Finished by the run that this one retries.")


class Attempt(Shown):
    """One try of a step."""

    attempt: int
    run_attempt: int
    status: Literal["running", "succeeded", "failed", "cancelled"]
    reason: Reason | None
    started_at: Instant
    finished_at: Instant | None
    duration: float | None
    metrics: dict[str, Any] | None
    error: StepError | None


class StepWithAttempts(Step):
    """A step with every try of it, first try first."""

    attempts: list[Attempt]


class Cause(Shown):
    """Why a run exists."""

    type: str
    name: str | None


class Snapshots(Shown):
    """Which state of the lake a run began with, and which it published."""

    read: int | None
    published: list[int]


class Difference(Shown):
    """A file that came out otherwise, by the hash of its content; null where there is none."""

    dataset: str
    partition: str
    published: str | None
    made: str | None


class Comparison(Shown):
    """What a run that reproduces another made, beside what that one published; nothing of it was published."""

    same: bool
    files: int = Field(description="Files that the other published.")
    equal: int = Field(description="How many of them came out with the same content.")
    differences: list[Difference] = Field(description="The first of those that did not.")


class RunSummary(Shown):
    """A run without its steps, as lists show it. `waiting_for` says in a sentence what a queued run waits for."""

    id: str
    job: str
    job_version: int
    pipeline: str
    pipeline_version: int
    status: RunStatus
    reason: Reason | None
    error: StepError | None
    params: dict[str, Any]
    tags: dict[str, str]
    priority: int
    trade_date: Day | None
    cause: Cause
    attempt: int
    failures: int
    crash_count: int
    retry_of: str | None
    reproduces: str | None = Field(None, description="The run whose publications it compares with what it makes.")
    comparison: Comparison | None = None
    note: str | None
    queued_at: Instant
    due_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    cancel_requested_at: Instant | None
    duration: float | None
    queue_seconds: float | None
    worker: str | None
    code_versions: dict[str, str]
    snapshots: Snapshots
    waiting_for: str | None = None


class Run(RunSummary):
    """One execution of a job."""

    steps: list[Step]


class LogLine(Shown):
    """A line of a run's log."""

    attempt: int
    at: Instant
    level: str
    node: str | None
    step_attempt: int | None
    message: str
    fields: dict[str, Any]
