"""The lake as one run and one step of it see it."""

import threading
from pathlib import Path
from typing import Any

from app.definitions import registry
from app.definitions.dataset import Dataset
from app.definitions.lake import Lake, SnapshotState, StagedFile
from app.definitions.messages import RunSpec
from app.errors import Unavailable
from app.runner.emitter import Emitter


class Host:
    """What the lake may ask of the service."""

    def __init__(self, emitter: Emitter, data_dir: Path) -> None:
        self._emitter = emitter
        self.folder = data_dir / "lake"

    def snapshot(self) -> SnapshotState:
        """The run's base snapshot; for a query the newest."""
        state: SnapshotState = self._emitter.ask("snapshot", {})
        return state


def open_lake(emitter: Emitter, data_dir: Path) -> Lake:
    """A lake over the service's snapshots. Raises Unavailable when no op module brought one."""
    factory = registry.lake_factory()
    if factory is None:
        raise Unavailable("There is no lake: no imported op module provides one.")
    return factory(Host(emitter, data_dir))


class RunLake:
    """The one lake of a run, made when a step first asks, and whose step each staged file is."""

    def __init__(self, spec: RunSpec, emitter: Emitter, data_dir: Path) -> None:
        self._emitter = emitter
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._lake: Lake | None = None
        self._restored = [file for node in spec["nodes"] if node["status"] == "succeeded" for file in node["staged"]]
        self._known = {file["path"] for file in self._restored}

    def get(self) -> Lake:
        """The lake, with what finished steps staged."""
        with self._lock:
            if self._lake is None:
                lake = open_lake(self._emitter, self._data_dir)
                lake.restore(self._restored)
                self._lake = lake
            return self._lake

    def take_new(self) -> list[StagedFile]:
        """The files that were staged since this was last asked."""
        with self._lock:
            if self._lake is None:
                return []
            new = [file for file in self._lake.staged() if file["path"] not in self._known]
            self._known.update(file["path"] for file in new)
            return new


class StepLake:
    """The run's lake in the hands of one step: what it stages is noted as this step's, beside parallel ones."""

    def __init__(self, run_lake: RunLake) -> None:
        self._run_lake = run_lake
        self._files: list[StagedFile] = []

    def stage(self, dataset: str, frame: Any) -> Dataset:
        """See `definitions.lake.Lake.stage`."""
        reference = self._run_lake.get().stage(dataset, frame)
        self._files += self._run_lake.take_new()
        return reference

    def files(self) -> list[StagedFile]:
        """What this step staged, in whatever way."""
        self._files += self._run_lake.take_new()
        return self._files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run_lake.get(), name)
