"""Datasets and their versions."""

from typing import Any

from app.api.schemas.shown import Day, Instant, Shown


class Dataset(Shown):
    """A named table of the lake, as its newest snapshot has it."""

    dataset: str
    version: int
    snapshot: int
    rows: int
    bytes: int
    min_date: Day | None
    max_date: Day | None
    quality: float | None
    facts: dict[str, Any]


class DatasetVersion(Dataset):
    """A version of a dataset, and the run that published it."""

    published_at: Instant
    run_id: str | None
    node: str | None
