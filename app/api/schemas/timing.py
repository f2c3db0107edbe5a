"""What fires: moments to come, moments that were, and events."""

from typing import Any, Literal

from pydantic import Field

from app.api.paging import Page
from app.api.schemas.shown import Day, Instant, InstantIn, Shown
from app.definitions.shape import Shape


class Moment(Shown):
    """A moment at which a schedule could fire, and what it will do. `trade_date` may be `latest_published`: known only then."""

    fires_at: Instant
    trade_date: str | None
    decision: Literal["fire", "skip", "hold"]
    reason: str | None
    detail: str


class Preview(Shown):
    """What a schedule will do."""

    means: str
    warnings: list[str]
    items: list[Moment]


class PreviewQuery(Shape):
    """Which moments."""

    from_: InstantIn | None = Field(None, alias="from", description="Default: now.")
    until: InstantIn | None = Field(None, description="Default: five years later.")
    count: int = Field(20, ge=1, le=500, strict=False, description="How many at most.")


class Firing(Shown):
    """One evaluation of a schedule or trigger. `times`: moments of a long outage that share this row."""

    seq: int
    kind: Literal["schedule", "trigger"]
    name: str
    version: int
    due_at: Instant
    outcome: Literal["fired", "skipped", "missed", "held", "failed"]
    reason: str | None
    detail: str | None
    trade_date: Day | None
    run_id: str | None
    decided_at: Instant
    times: int


class FiringsQuery(Page):
    """Which firings; all that is given must hold. `since` and `until` are about `due_at`."""

    outcome: Literal["fired", "skipped", "missed", "held", "failed"] | None = None
    since: InstantIn | None = None
    until: InstantIn | None = None


class EventIn(Shape):
    """An event from outside. A `trade_date` in its payload becomes the trade date of the runs that it fires."""

    payload: dict[str, Any] = {}


class EventFiring(Shown):
    """What a trigger did with an event."""

    trigger: str
    outcome: str
    reason: str | None
    detail: str | None
    run_id: str | None


class Event(Shown):
    """An event, and what it fired."""

    id: str
    name: str
    payload: dict[str, Any]
    received_at: Instant
    received_from: str
    firings: list[EventFiring]
