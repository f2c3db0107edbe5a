"""Factors of one's own."""

from typing import Literal

from pydantic import Field

from app.api.paging import Page
from app.api.schemas.shown import Day, Shown


class FactorPage(Page):
    """Which part of the list, and over which days the factors are judged."""

    sessions: int = Field(60, ge=2, le=250, description="Over how many of the last sessions.")
    horizon: int = Field(1, ge=1, le=20, description="Against the return of how many sessions after each date.")


class Factor(Shown):
    """A factor of one's own: whether its column is up to date, and how good it was."""

    factor: str
    state: Literal["current", "behind", "stale", "new", "orphaned"] = Field(
        description="stale: its code changed since; behind: its data did; new: no values yet; orphaned: its code is gone."
    )
    kind: Literal["time_series", "cross_section"]
    inputs: list[str]
    lookback: int | None = Field(description="Of how many traded days a value is made; null: of all before it.")
    meaning: str
    version: str | None = Field(description="Hash of its code; null when that is gone.")
    calculated_version: str | None = Field(description="The version that its values are of.")
    first_date: Day | None
    last_date: Day | None
    newest_date: Day | None = Field(description="The last date with a value.")
    horizon: int
    coverage: float | None = Field(description="Values per traded row, 0..1.")
    ic: float | None = Field(description="Mean rank information coefficient against the return of the next `horizon` sessions.")
    ic_ratio: float | None = Field(description="Its mean over its sample deviation.")
    ic_dates: int | None = Field(description="How many dates it is the mean of.")
    turnover: float | None = Field(description="Mean part of the top fifth that was not in it a session before, 0..1.")
    rank_autocorrelation: float | None = Field(description="Mean rank correlation with a session before.")
