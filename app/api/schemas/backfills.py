"""Backfills: what one would do, how one stands, and its chunks."""

from typing import Any, Literal

from pydantic import Field

from app.api.paging import Page
from app.api.schemas.shown import Day, Instant, Shown

BackfillStatus = Literal["running", "paused", "stopping", "succeeded", "partly_failed", "failed", "cancelled"]


class LeftOut(Shown):
    """Days of the range that are not done, and why."""

    reason: str = Field(
        examples=["closed", "unknown_day", "not_over", "before_history", "under_way", "done", "not_failed"],
    )
    days: int
    first_date: Day
    last_date: Day
    detail: str


class PlannedChunk(Shown):
    """What one run would be about."""

    first_date: Day
    last_date: Day
    sessions: int


class BackfillPlan(Shown):
    """What a backfill would do now."""

    job: str
    request: dict[str, Any] = Field(description="As it was understood: both ends of the range, defaults left out.")
    runs: int
    trade_dates: int
    rows: int | None = Field(description="That are missing, or by the job's history; null where neither is known.")
    seconds: float | None = Field(description="By the job's last runs that succeeded; null without any.")
    vendor_bytes: int | None = Field(description="That a source with a byte quota says it will take; null where none says.")
    history_runs: int = Field(description="How many runs the estimate stands on.")
    chunks: list[PlannedChunk] = Field(description="The first 100, in the order in which they would be done.")
    left_out: list[LeftOut]


class Backfill(Shown):
    """A job done again for the trade dates of a range, and how far it is."""

    id: str
    job: str
    status: BackfillStatus = Field(description="`stopping`: it begins nothing more, and waits for what is under way.")
    reason: str | None = Field(description="Why it stopped before its end.")
    from_: Day = Field(alias="from")
    to: Day
    request: dict[str, Any]
    left_out: list[LeftOut]
    total: int = Field(description="Chunks: one run each.")
    done: int
    running: int = Field(description="Chunks whose run is queued or running.")
    succeeded: int
    failed: int
    cancelled: int
    percent: float
    remaining_seconds: float | None = Field(description="By the chunks done so far; null before the first.")
    created_at: Instant
    created_by: str
    paused_at: Instant | None
    cancel_requested_at: Instant | None
    finished_at: Instant | None


class ChunkOut(Shown):
    """One chunk. Its `detail` says why no run could be made of it."""

    n: int
    first_date: Day
    last_date: Day
    sessions: int
    status: Literal["waiting", "queued", "running", "succeeded", "failed", "cancelled"]
    run_id: str | None
    detail: str | None


class BackfillsQuery(Page):
    """Which backfills; all that is given must hold."""

    job: str | None = Field(None, max_length=63)
    status: BackfillStatus | None = None
