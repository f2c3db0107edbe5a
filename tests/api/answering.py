"""The queries of app.stocks, answered in this process over the database's snapshots, as a child answers them."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import app.stocks  # noqa: F401  (registers the queries)
from app.definitions import registry
from app.runner.call import params_of
from app.runner.queries import _wants_context
from app.runner.values import to_json
from app.stocks.lake.market_lake import MarketLake
from app.store import calendars, lake
from app.store.database import Database


class Answering:
    """The manager's port."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._folder = data_dir / "lake"
        self.asked: list[dict[str, Any]] = []

    def ask(self, name: str, params: dict[str, Any], timeout: float = 5) -> Any:
        self.asked.append(params)
        query = registry.queries[name]
        facts = {"lake_at": self.lake_at, "lake": self.lake_at(), "sessions": self.sessions}
        context = [SimpleNamespace(**facts)] if _wants_context(query) else []
        result = query.function(*context, **params_of(f"query {name!r}", query.params_model, params))
        return to_json(result, name) if isinstance(result, dict | list) else result

    def sessions(self, calendar: str = "XSHG") -> list[date]:
        """Every known session of an exchange."""
        with self._database.read() as connection:
            return calendars.between(connection, calendar)

    def lake_at(self, number: int | None = None) -> MarketLake:
        """The lake of that snapshot, or of the newest."""
        with self._database.read() as connection:
            state = lake.state(connection, lake.newest(connection) if number is None else number)
        host: Any = SimpleNamespace(folder=self._folder, snapshot=lambda: state)
        return MarketLake(host)
