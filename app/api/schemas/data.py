"""Datasets and their versions."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.api.paging import LARGEST_NUMBER
from app.api.schemas.shown import Day, DayIn, Instant, Shown


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


class Month(Shown):
    """One partition of a dataset: a month, or `all`."""

    partition: str
    rows: int
    bytes: int
    min_date: Day | None
    max_date: Day | None


class ColumnEntry(Shown):
    """What the numbers of a column mean."""

    name: str
    type: Literal["string", "date", "datetime", "float", "integer", "boolean"]
    unit: str
    nullable: bool
    meaning: str
    meaning_zh: str
    formula: str


class DictionaryEntry(Shown):
    """What a dataset is, what identifies a row, and what each column means."""

    meaning: str
    meaning_zh: str
    key: list[str]
    partition: Literal["month", "all"]
    columns: list[ColumnEntry]


class DatasetDescription(Dataset):
    """A dataset with its entry in the data dictionary, and how many rows each of its months has."""

    dictionary: DictionaryEntry
    coverage: list[Month]


class RowsQuery(Shown):
    """Which rows of a dataset, in which form."""

    model_config = ConfigDict(extra="forbid")

    columns: str | None = Field(None, max_length=10_000, description="Columns by comma; default: all.")
    symbols: str | None = Field(None, max_length=100_000, description="Instruments by comma, in any spelling; default: all.")
    start_date: DayIn | None = Field(None, description="The first trade date.")
    end_date: DayIn | None = Field(None, description="The last trade date.")
    adjust: Literal["none", "pre", "post"] = Field("none", description="Of daily_bars: 前复权 (pre), 后复权 (post).")
    snapshot: int | None = Field(None, ge=1, le=LARGEST_NUMBER, description="Default: the newest.")
    format: Literal["json", "csv", "arrow", "parquet"] | None = Field(None, description="Before the header Accept; else JSON.")
    limit: int | None = Field(
        None, ge=1, le=100_000, description="Rows at most; JSON: 100 unless told. CSV and Arrow without one: all rows."
    )
    cursor: str | None = Field(None, max_length=1000, description="Where the page before ended; its snapshot stays.")


class RowItems(Shown):
    """One page of rows, by month, then by key; objects of the columns asked for."""

    snapshot: int
    items: list[dict[str, Any]]
    next_cursor: str | None
