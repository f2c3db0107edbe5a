"""The data dictionary's grammar: what a column and a dataset are, and what follows from them.

The datasets themselves stand in `app.stocks.dictionary`. Arrow schemas, the checks on staging, DuckDB's comments and the
documentation are all made from there, so a column is described once.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from app.definitions.names import suggestion

Type = Literal["string", "date", "datetime", "float", "integer", "boolean"]
Role = Literal["", "price", "volume"]
PARTITION_ALL = "all"

_ARROW = {
    "string": pa.string(),
    "date": pa.date32(),
    "datetime": pa.timestamp("ms"),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class Column:
    """One column. `role` says how it is adjusted on read: a price by adj_factor, a volume by split_factor.

    A provenance column says where a row came from: it changes only when another column of the row does.
    """

    name: str
    type: Type
    unit: str
    meaning: str
    meaning_zh: str
    formula: str = ""
    nullable: bool = True
    role: Role = ""
    provenance: bool = False
    version: str = ""
    """By which code it was calculated, where that is anybody's own; files bear it, so new code makes new files."""

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field; floats are 64 bits wide, dates are days, datetimes local and without a zone."""
        metadata = {"version": self.version} if self.version else None
        return pa.field(self.name, _ARROW[self.type], nullable=self.nullable, metadata=metadata)

    @property
    def comment(self) -> str:
        """One line for people: meaning in both languages, unit, formula."""
        unit = f" [{self.unit}]" if self.unit else ""
        formula = f" = {self.formula}" if self.formula else ""
        return f"{self.meaning} / {self.meaning_zh}{unit}{formula}"


@dataclass(frozen=True)
class Spec:
    """A dataset: its key (also its sort order), its columns, and the date by which it is cut into months."""

    name: str
    meaning: str
    meaning_zh: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    month_of: str | None = "trade_date"
    """The date column whose month is a row's partition; None: the whole dataset is one file, `all`."""
    made_of: tuple[str, ...] = ()
    """The datasets that it is computed of: it is published only while it is made of their newest versions."""
    grows: Callable[[Mapping[str, Any]], tuple[Column, ...]] | None = field(default=None, compare=False)
    """Which columns it has besides, told by its facts: a snapshot's own, whatever code is registered now."""
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    def within(self, facts: Mapping[str, Any]) -> "Spec":
        """The dataset as a snapshot with those facts has it."""
        more = self.grows(facts) if self.grows else ()
        return replace(self, columns=(*self.columns, *more), grows=None) if more else self

    def only(self, names: Collection[str]) -> "Spec":
        """The dataset with its key and those columns alone."""
        kept = tuple(column for column in self.columns if column.name in names or column.name in self.key)
        return replace(self, columns=kept, grows=None)

    @property
    def computed(self) -> bool:
        """Whether its floats were computed, and so use all their bits."""
        return bool(self.made_of)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of every file of the dataset."""
        return pa.schema([column.arrow for column in self.columns])

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The columns that may not be null."""
        return tuple(column.name for column in self.columns if not column.nullable)

    @cached_property
    def provenance(self) -> tuple[str, ...]:
        """The columns that only say where a row came from."""
        return tuple(column.name for column in self.columns if column.provenance)

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The columns of text: few distinct values, so they are dictionary-encoded."""
        return tuple(column.name for column in self.columns if column.type == "string")

    @cached_property
    def date_column(self) -> str | None:
        """The column that a range of dates narrows: the trade date, where there is one."""
        return "trade_date" if "trade_date" in self.by_name else None

    def check_columns(self, names: list[str]) -> None:
        """Raise ValueError for names that are no columns of the dataset, or for a required one that is missing."""
        for name in names:
            self.check_name(name)
        for name in self.required:
            if name not in names:
                raise ValueError(f"rows of {self.name!r} need the column {name!r}")

    def check_name(self, name: str) -> None:
        """Raise ValueError, with a suggestion, when there is no column of that name."""
        if name not in self.by_name:
            raise ValueError(f"{self.name!r} has no column {name!r}{suggestion(name, self.names)}")

    def as_dict(self) -> dict[str, Any]:
        """The dictionary's entry as JSON."""
        return {
            "name": self.name,
            "meaning": self.meaning,
            "meaning_zh": self.meaning_zh,
            "key": list(self.key),
            "partition": "month" if self.month_of else PARTITION_ALL,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "unit": column.unit,
                    "nullable": column.nullable,
                    "meaning": column.meaning,
                    "meaning_zh": column.meaning_zh,
                    "formula": column.formula,
                }
                for column in self.columns
            ],
        }
