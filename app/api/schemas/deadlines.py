"""What is promised, and why something is not there."""

from typing import Literal

from pydantic import Field

from app.api.schemas.definitions import Versioned
from app.api.schemas.shown import Day, DayIn, Instant, Shown
from app.definitions.shape import Shape


class Promise(Shown):
    """A trade date of a deadline. `open`: not due yet. `held`: nobody knows yet whether that day is a session."""

    trade_date: Day
    version: int
    due_at: Instant
    outcome: Literal["open", "met", "late", "missing", "excused", "held"]
    met_at: Instant | None
    run_id: str | None
    detail: str | None
    predicted_at: Instant | None = Field(description="When it was to be expected, by comparable days; null where they are few.")
    predicted_late: bool | None
    prediction: str | None = Field(description="Why, as a sentence.")
    decided_at: Instant


class Deadline(Versioned):
    """A version of a deadline: what it means, what to beware of, when it is due next, and its newest promise."""

    job: str
    at: str
    day: str = "T"
    timezone: str = "Asia/Shanghai"
    calendar: str | None = None
    dataset: str | None = None
    paused: bool
    means: str
    warnings: list[str]
    next_due_at: Instant | None
    latest: Promise | None


class Reason(Shown):
    """A link of the chain. `job`: whose; `what`: what it is about; `state`: how that stands, in a word."""

    job: str
    what: Literal["calendar", "job", "schedule", "trigger", "run"]
    name: str
    state: str
    sentence: str
    at: Instant | None
    run_id: str | None


class Why(Shown):
    """Why a job is not done for a trade date: one sentence, and the chain that it is made of, from the job upwards."""

    job: str
    trade_date: Day | None
    done: bool
    summary: str
    reasons: list[Reason]


class WhyQuery(Shape):
    """Of which trade date."""

    trade_date: DayIn | None = Field(None, description="Default: the newest for which it should have run.")
