"""Releases: how a trade date stands, and what became of it."""

from typing import Literal

from pydantic import Field

from app.api.schemas.shown import Day, Instant, Shown


class ReleaseRow(Shown):
    """What became of a trade date at one moment."""

    trade_date: Day
    status: Literal["complete", "partial", "blocked", "withdrawn"] = Field(
        description="partial: published, and expected rows are missing; blocked: a quality gate stopped it and readers keep what "
        "they had; withdrawn: a restore took it back."
    )
    snapshot: int | None = Field(description="By which it was released; null for a blocked one.")
    kept: bool = Field(description="Whether that snapshot can still be read.")
    run_id: str | None
    coverage: float | None = Field(description="The part of the expected bars that is there, 0..1; null where it is not known.")
    detail: str | None = Field(description="Why, as a sentence.")
    decided_at: Instant


class Release(ReleaseRow):
    """How a trade date stands: what became of it last, and where readers have it."""

    readable_snapshot: int | None = Field(description="The newest snapshot that released it; null where readers have none.")


class Named(Shown):
    """A dataset in a snapshot."""

    version: int
    rows: int


class ReleaseEntry(ReleaseRow):
    """A row of a trade date's history."""

    datasets: dict[str, Named] | None = Field(description="Every dataset of its snapshot; null where that is no longer known.")


class ReleaseWithHistory(Release):
    """A trade date with everything that became of it, newest first: a repaired one has several."""

    history: list[ReleaseEntry]
