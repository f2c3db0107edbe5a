"""Releases: the trade dates that readers have, and those that were kept from them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.errors import NotFound
from app.store import lake, releases, views
from app.store.database import Connection, Database

_RESOLVED = 20
"""Of how many rows of one date the datasets are looked up, the newest ones."""


class Releases:
    """How each trade date stands, and how it came to that."""

    database: Database

    def list_releases(self, *, before: date | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Trade dates older than that one, newest first: status, the snapshot in which readers have it, coverage."""
        with self.database.read() as connection:
            return [_view(row) for row in releases.page(connection, before, limit)]

    def get_release(self, trade_date: date | None = None) -> dict[str, Any]:
        """A trade date, by default the newest that readers have, with everything that became of it. Raises NotFound."""
        with self.database.read() as connection:
            day = releases.latest(connection) if trade_date is None else trade_date
            rows = releases.of_date(connection, day) if day is not None else []
            if not rows:
                what = f"of {day}" if day is not None else "yet"
                hint = (
                    "A date is released once its scores are published: daily_full_pipeline, or the chain up to scoring_save_job."
                )
                raise NotFound(f"There is no release {what}.", hint=hint)
            history = [{**_view(row), "datasets": _datasets(connection, row, n)} for n, row in enumerate(rows)]
            return {**_view(releases.standing(rows)), "history": history}


def _view(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = row["snapshot"] is not None and row["retired_at"] is None
    return {**views.row_view(dict(row)), "kept": kept}


def _datasets(connection: Connection, row: Mapping[str, Any], place: int) -> dict[str, Any] | None:
    """Which version of each dataset, with how many rows; None where that is no longer known."""
    if row["datasets"] is not None or row["snapshot"] is None:
        found: dict[str, Any] | None = row["datasets"]
        return found
    if row["retired_at"] is not None or place >= _RESOLVED:
        return None
    named = connection.execute(lake.versions_at(row["snapshot"])).mappings()
    return {each["dataset"]: {"version": each["version"], "rows": each["rows"]} for each in named}
