"""What the shipped job `lake_maintenance` asks its worker for: duties that need the service's own database and files."""

import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from app import clock
from app.engine import upkeep
from app.engine.query_child import QueryChild
from app.errors import NotFound
from app.settings import Settings
from app.store import backups, idempotency, pruning, retention
from app.store.copies import FOLDER
from app.store.database import Database

_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NIGHTLY = "-nightly"
REPORTS = "quality"
_SCRATCH_SECONDS = retention.TAKEN_OVER.total_seconds()


class Maintenance:
    """One duty at a time, by name; each may be done again at any moment."""

    def __init__(self, database: Database, settings: Settings, version: str, queries: QueryChild) -> None:
        self._database = database
        self._settings = settings
        self._version = version
        self._queries = queries
        self._duties: dict[str, Callable[[], dict[str, Any]]] = {
            "retention": self._retire, "scratch": self._clear_scratch, "history": self._prune, "backup": self._back_up,
        }  # fmt: skip

    def do(self, duty: str) -> dict[str, Any]:
        """Do it and answer what it came to. Raises NotFound for a duty that there is none of."""
        found = self._duties.get(duty)
        if found is None:
            raise NotFound(f"There is no duty {duty!r}; there are {', '.join(self._duties)}.")
        return found()

    def _retire(self) -> dict[str, Any]:
        """Forget old snapshots; then take away the files that nobody names any more."""
        days = self._settings.snapshot_days
        gone, files = self._database.write(lambda connection: retention.retire(connection, clock.now(), days))
        return {"snapshots": len(gone), "files": files, "files_gone": upkeep.tidy(self._database, self._queries)}

    def _clear_scratch(self) -> dict[str, Any]:
        now = clock.now()
        folders = [path for path in (self._settings.data_dir / "scratch").glob("*") if _RUN_ID.fullmatch(path.name)]
        # One that was made since is some run's that this look at the database did not see yet.
        old = [path for path in folders if now.timestamp() - path.stat().st_mtime > _SCRATCH_SECONDS]
        with self._database.read() as connection:
            gone = pruning.forgotten_scratch(connection, old, now)
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return {"folders": len(gone)}

    def _prune(self) -> dict[str, Any]:
        """The file goes before its row: what is cut short in between is a log that says it is gone."""
        now, logs, runs = clock.now(), 0, 0
        before = now - timedelta(days=self._settings.log_days)
        while True:
            with self._database.read() as connection:
                found = pruning.old_logs(connection, before)
            if not found:
                break
            for _, _, path in found:
                (self._settings.data_dir / path).unlink(missing_ok=True)
            self._forget_reports({run_id for run_id, _, _ in found})
            self._database.write(partial(pruning.forget_logs, gone=found))
            logs += len(found)
        since = now - timedelta(days=self._settings.run_days)
        while pruned := self._database.write(lambda connection: pruning.prune_runs(connection, since)):
            runs += pruned
        keys = self._database.write(idempotency.prune)
        return {"logs": logs, "runs": runs, "idempotency_keys": keys}

    def _forget_reports(self, runs: set[str]) -> None:
        """What a run's gates found goes with its log."""
        for report in (self._settings.data_dir / REPORTS).glob("*/*.json"):
            if report.name.partition(".")[0] in runs:
                report.unlink(missing_ok=True)

    def _back_up(self) -> dict[str, Any]:
        """A backup of the database beside the others; of those made here the newest stay."""
        if not self._settings.backups_kept:
            return {"folder": None, "gone": 0, "command": None}
        place = self._settings.data_dir / FOLDER
        folder = place / f"{clock.now():%Y%m%dT%H%M%SZ}{_NIGHTLY}"
        backups.make(self._database, folder, self._version)
        # By name they are in order; one that bears a later day was made by a clock that ran ahead, and must not push others out.
        made = sorted(each for each in place.glob(f"[0-9]*{_NIGHTLY}") if each.name <= folder.name)
        old = made[: -self._settings.backups_kept]
        for each in old:
            shutil.rmtree(each, ignore_errors=True)
        command = None if self._database.is_sqlite else backups.dump_command(self._database, folder)
        return {"folder": _below(folder, self._settings.data_dir), "gone": len(old), "command": command}


def _below(path: Path, data_dir: Path) -> str:
    return str(path.relative_to(data_dir))
