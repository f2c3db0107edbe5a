"""Quarantine: rows that were kept out, and what lets one in."""

from typing import Any

from pydantic import Field

from app.api.paging import Page
from app.api.schemas.shown import Day, DayIn, Instant, Shown
from app.definitions.shape import Shape

EXAMPLE = {"reason": "the exchange's own list has the same prices"}


class QuarantinePage(Page):
    """Which part of the quarantine."""

    symbol: str | None = Field(None, max_length=32, description="Of one instrument, in any vendor's spelling.")
    check: str | None = Field(None, max_length=64, description="Kept out by this check.")
    since: DayIn | None = Field(None, description="From this trade date on.")
    until: DayIn | None = Field(None, description="Up to this trade date.")
    overridden: bool | None = Field(None, description="Whether a person let them in; default: both.")


class OverrideIn(Shape):
    """Why a row is let in."""

    reason: str = Field(min_length=1, max_length=2000, description="Why, in a sentence; it stands beside the row.")
    who: str | None = Field(None, min_length=1, max_length=200, description="Who says so; default: the name of the key.")


class QuarantinedRow(Shown):
    """A row that a check kept out of its dataset."""

    fingerprint: str = Field(description="By this the row is known when it comes again.")
    dataset: str
    order_book_id: str | None
    trade_date: Day | None
    check: str
    reason: str
    row: dict[str, Any] = Field(description="As it came.")
    occurrences: int
    source: str
    overridden_at: Instant | None
    overridden_by: str | None
    override_reason: str | None
