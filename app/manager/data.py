"""The data half of the manager: which datasets there are, and their rows for a notebook."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from app import intact
from app.errors import Invalid, NotFound
from app.manager.queries import Queries
from app.settings import Settings
from app.store import lake, views
from app.store.database import Database


class Data:
    """Datasets as the newest snapshot has them."""

    def __init__(self, database: Database, settings: Settings, queries: Queries | None) -> None:
        self.database = database
        self.settings = settings
        self.queries = queries

    def list_datasets(self) -> list[dict[str, Any]]:
        """Every dataset: name, version, snapshot, rows, bytes, first and last date, quality, facts."""
        with self.database.read() as connection:
            return [views.row_view(row) for row in lake.datasets(connection)]

    def get_dataset(self, name: str) -> dict[str, Any]:
        """One dataset. Raises NotFound."""
        found = {row["dataset"]: row for row in self.list_datasets()}
        if name not in found:
            raise NotFound(f"There is no dataset {name!r}; there are {', '.join(found) or 'none yet'}.")
        return found[name]

    def dataset_versions(self, name: str, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The dataset's versions, newest first. Raises NotFound."""
        self.get_dataset(name)
        with self.database.read() as connection:
            return [views.row_view(row) for row in lake.history(connection, name, before, limit)]

    def read_dataset(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
        start: date | str | None = None,
        end: date | str | None = None,
        snapshot: int | None = None,
    ) -> Any:
        """The dataset's rows as a pandas frame, all of one snapshot, the newest unless told. Raises NotFound,
        and FileDamaged for a file that is not as it was published.

        `start` and `end`, both included, are dates or their ISO text; Invalid for another. Reads the immutable files that
        the snapshot names: a publication beside it changes nothing. For a notebook or a script: it imports pandas, which the
        service does not hold.
        """
        import pandas as pd

        filters: list[tuple[str, str, Any]] = [
            *([("order_book_id", "in", list(symbols))] if symbols is not None else []),
            *([("trade_date", ">=", _day("start", start))] if start is not None else []),
            *([("trade_date", "<=", _day("end", end))] if end is not None else []),
        ]
        paths: Any = self._files(name, snapshot)  # pandas takes a list, its stubs do not
        for path in paths:
            intact.check(path)
        return pd.read_parquet(paths, columns=list(columns) if columns is not None else None, filters=filters or None)

    def _files(self, name: str, snapshot: int | None) -> list[Path]:
        with self.database.read() as connection:
            number = lake.newest(connection) if snapshot is None else snapshot
            state = lake.state(connection, number)
        if name not in state["datasets"]:
            known = ", ".join(state["datasets"]) or "none"
            raise NotFound(f"Snapshot {number} has no dataset {name!r}; it has {known}.")
        return [self.settings.data_dir / "lake" / file["path"] for file in state["datasets"][name]["files"]]


def _day(name: str, value: date | str) -> date:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Invalid(f"{name} is no date: {value[:40]!r}", hint="Write it as 2026-11-20.") from None
