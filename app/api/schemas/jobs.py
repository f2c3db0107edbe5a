"""How a job does."""

from typing import Any

from pydantic import Field

from app.api.schemas.shown import Day, Instant, Shown
from app.manager import RunStatus

Rate = float | None


class Percentiles(Shown):
    """By the nearest rank; nulls without values."""

    p50: float | None
    p95: float | None
    p99: float | None


class JobStatus(Shown):
    """How a job stands. Never run: nulls."""

    name: str
    last_run: Instant | None = Field(description="When the newest run started.")
    status: RunStatus | None
    duration: float | None = Field(description="Seconds that the newest finished run took.")
    success_rate: Rate = Field(description="succeeded / (succeeded + failed) over the window.")
    last_run_id: str | None
    date_success_rate: Rate = Field(description="Trade dates whose last run succeeded / trade dates due.")
    window: str
    queued: int
    running: int
    next_fire: Instant | None


class StepMetrics(Shown):
    """How a step of the job does."""

    node: str
    op: str
    attempts: int
    failed: int
    interrupted: int = Field(description="Attempts that ended with their worker or beside another step; no part of duration.")
    duration: Percentiles
    metrics: dict[str, Any] | None = Field(description="What its newest run reported.")


class DayMetrics(Shown):
    """How a day went."""

    date: Day
    succeeded: int
    failed: int
    duration: float | None


class JobMetrics(Shown):
    """Counts, rates and percentiles over a window."""

    name: str
    window: str
    since: Instant | None
    counts: dict[str, int]
    interrupted: int = Field(description="Runs of which an attempt was interrupted; no part of duration.")
    success_rate: Rate
    duration: Percentiles
    queue_seconds: Percentiles
    steps: list[StepMetrics]
    days: list[DayMetrics]
