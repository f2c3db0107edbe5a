"""The quality that a run found: the reports that its steps left in the data dir, passed or refused."""

import json
from typing import Any

import structlog

from app.settings import Settings
from app.store import views
from app.store.database import Database

_log = structlog.get_logger("openbell.quality")
FOLDER = "quality"


class Quality:
    """Reports of gates."""

    database: Database
    settings: Settings

    def run_quality(self, run_id: str) -> dict[str, Any]:
        """The reports of a run's steps, in their order; none of a run that judged nothing. Raises NotFound."""
        with self.database.read() as connection:
            run = views.run_view(connection, run_id)
        found = {}
        for path in (self.settings.data_dir / FOLDER).glob(f"*/{run['id']}.*.json"):
            try:
                report = json.loads(path.read_text(encoding="utf-8"))
                found[report["node"]] = report
            except (OSError, ValueError, KeyError) as error:
                _log.warning("a report of the quality cannot be read", file=str(path), error=str(error))
        nodes = [step["node"] for step in run["steps"]]
        items = [found[node] for node in nodes if node in found]
        return {"run_id": run["id"], "job": run["job"], "status": run["status"], "items": items}
