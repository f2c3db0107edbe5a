"""The service's half of the lake, in memory: snapshots, and publication by compare-and-set."""

import threading
from pathlib import Path
from typing import Any

from app.definitions.lake import DatasetState, FileFacts, Publication, SnapshotState
from app.stocks.lake.market_lake import MarketLake

EMPTY: SnapshotState = {"snapshot": 0, "published_at": "", "datasets": {}}


class MemoryHost:
    """Answers a lake as the service does, and publishes as `app.store.lake` does."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "lake"
        self.states: list[SnapshotState] = [EMPTY]
        self._lock = threading.Lock()

    def snapshot(self) -> SnapshotState:
        return self.states[-1]

    def lake(self) -> MarketLake:
        """A new run's lake on the newest snapshot."""
        return MarketLake(self)

    def publish(self, lake: MarketLake) -> str:
        """End a publishing step: published, unchanged, or conflict (the lake is rebased; publish again)."""
        outcome, state = self.name(lake.publication())
        lake.rebase(state) if outcome == "conflict" else lake.published(state, own=outcome == "published")
        return outcome

    def name(self, publication: Publication) -> tuple[str, SnapshotState]:
        """The transaction: name the staged files in a new snapshot if each replaces the file it was built from."""
        with self._lock:
            now = self.states[-1]
            files = {(name, file["partition"]): file for name, known in now["datasets"].items() for file in known["files"]}
            changed = []
            for staged in publication["files"]:
                current = files.get((staged["dataset"], staged["partition"]))
                path = current["path"] if current else None
                if path == staged["path"]:
                    continue
                if path != staged["base"]:
                    return "conflict", now
                versions = {name: known["version"] for name, known in now["datasets"].items()}
                if any(versions.get(name, 0) != version for name, version in staged.get("stands_on", {}).items()):
                    return "conflict", now
                changed.append(staged)
            if not changed:
                return "unchanged", now
            for staged in changed:
                fact: Any = {key: value for key, value in staged.items() if key not in ("base", "notes", "stands_on")}
                files[staged["dataset"], staged["partition"]] = fact
            datasets = dict(now["datasets"])
            for name in {staged["dataset"] for staged in changed}:
                datasets[name] = _version(datasets.get(name), name, files, publication["datasets"].get(name, {}))
            number = now["snapshot"] + 1
            at = f"2026-01-01T00:00:{number % 60:02}.000000Z"
            self.states.append({"snapshot": number, "published_at": at, "datasets": datasets})
            return "published", self.states[-1]


def _version(old: DatasetState | None, name: str, files: dict[tuple[str, str], FileFacts], said: dict[str, Any]) -> DatasetState:
    own = [file for (dataset, _), file in sorted(files.items()) if dataset == name]
    facts = {**(old["facts"] if old else {}), **{key: value for key, value in said.items() if key != "quality"}}
    return {
        "version": (old["version"] if old else 0) + 1,
        "rows": sum(file["rows"] for file in own),
        "quality": said.get("quality", old.get("quality") if old else None),
        "facts": facts,
        "files": own,
    }
