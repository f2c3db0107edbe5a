"""Snapshots: what was published, by whom, and what it names."""

from typing import Literal

from pydantic import Field

from app.api.schemas.shown import Day, Instant, Shown
from app.definitions.shape import Shape

REASON = {"reason": "the figures of the November report stand on it"}


class ReasonIn(Shape):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000, description="Why, in a sentence.")


class Pin(Shown):
    """Why a snapshot is kept."""

    at: Instant
    by: str
    reason: str


class SnapshotRow(Shown):
    """A publication, or a restore."""

    snapshot: int
    published_at: Instant
    kind: Literal["publish", "restore"]
    run_id: str | None
    node: str | None
    restores: int | None = Field(description="The snapshot whose files it names again.")
    kept: bool = Field(description="Whether it can be read and restored; retention takes old ones away.")
    pin: Pin | None


class SnapshotSummary(SnapshotRow):
    """A snapshot as lists show it."""

    changed: list[str] = Field(description="The datasets that it changed; empty where that is no longer known.")


class NamedDataset(Shown):
    """What a dataset is in a snapshot: its version, and the snapshot and run that made it."""

    dataset: str
    version: int
    snapshot: int
    rows: int
    bytes: int
    min_date: Day | None
    max_date: Day | None
    quality: float | None
    published_at: Instant
    run_id: str | None


class Snapshot(SnapshotRow):
    """A snapshot with everything that it names; nothing where it is no longer kept."""

    datasets: list[NamedDataset]
