"""Corrections: what is put right, and what stands."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.shown import Day, DayIn, Instant, Shown
from app.definitions.shape import Shape

EXAMPLE = {
    "order_book_id": "600000.XSHG",
    "trade_date": "2026-11-20",
    "values": {"close": 10.25},
    "reason": "the exchange's own list says so",
}


class CorrectionIn(Shape):
    """Values of one row, and why."""

    order_book_id: str = Field(min_length=1, max_length=32, description="The instrument, in any vendor's spelling.")
    trade_date: DayIn = Field(description="The row's trade date.")
    values: dict[str, Any] = Field(min_length=1, max_length=32, description="The right values by column.")
    reason: str = Field(min_length=1, max_length=2000, description="Why, in a sentence; it stands beside the value.")
    who: str | None = Field(None, min_length=1, max_length=200, description="Who says so; default: the name of the key.")


class Withdrawal(BaseModel):
    """Which corrections are taken back, and why."""

    model_config = ConfigDict(extra="forbid")

    order_book_id: str = Field(min_length=1, max_length=32, description="The instrument, in any vendor's spelling.")
    trade_date: DayIn = Field(description="The row's trade date.")
    columns: str | None = Field(None, max_length=1000, description="The columns, by comma; default: all that were corrected.")
    reason: str = Field(min_length=1, max_length=2000, description="Why, in a sentence.")
    who: str | None = Field(None, min_length=1, max_length=200, description="Who says so; default: the name of the key.")


class CorrectionPlan(Shown):
    """What a correction would change."""

    job: str
    dataset: str
    order_book_id: str
    trade_date: Day
    before: dict[str, Any]
    after: dict[str, Any]


class Correction(Shown):
    """A value that was put right and stands over what the source says."""

    dataset: str
    order_book_id: str
    trade_date: Day
    column: str
    value: Any
    replaced: Any = Field(description="What the source says there, as it last came.")
    reason: str
    who: str
    at: Instant
