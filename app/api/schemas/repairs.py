"""Repairs: what one is asked to do, and what it would touch."""

from pydantic import Field

from app.api.schemas.shown import Day, DayIn, Shown
from app.definitions.shape import Shape

EXAMPLE = {"trade_date": "2026-11-20", "symbols": ["600000.XSHG"], "note": "the vendor restated it"}


class RepairIn(Shape):
    """Which day is to be corrected."""

    trade_date: DayIn = Field(description="The trade date to fetch again.")
    symbols: list[str] | None = Field(
        None, min_length=1, max_length=5000, description="Instruments to fetch again, in any vendor's spelling; default: all."
    )
    note: str | None = Field(None, max_length=2000, description="Why.")


class Touched(Shown):
    """What of a dataset may change."""

    dataset: str
    rows: int
    first_date: Day | None
    last_date: Day | None
    partitions: list[str]


class RepairPlan(Shown):
    """What a repair would touch at most: what comes out as it was is neither written nor published."""

    job: str
    trade_date: Day
    symbols: list[str] | None
    instruments: int = Field(description="Whose bars of that day are fetched again.")
    datasets: list[Touched]
