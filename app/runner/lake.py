"""The lake as one run and one step of it see it."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.definitions import registry
from app.definitions.lake import Lake, Publication, SnapshotState, StagedFile, staging
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
    """The one lake of a run, made when a step first asks, and which step staged what."""

    def __init__(self, restored: Sequence[StagedFile], emitter: Emitter, data_dir: Path) -> None:
        self._restored = list(restored)
        self._emitter = emitter
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._lake: Lake | None = None
        self._noted: list[list[StagedFile]] = [self._restored]
        self._since = time.monotonic()

    def get(self) -> Lake:
        """The lake, with what finished steps staged."""
        with self._lock:
            if self._lake is None:
                lake = open_lake(self._emitter, self._data_dir)
                lake.restore(self._restored)
                self._lake, self._since = lake, time.monotonic()
            return self._lake

    def publication(self) -> Publication:
        """What is to be named now, and how long it took since the run saw the snapshot that it builds on."""
        return {**self.get().publication(), "seconds": time.monotonic() - self._since}

    @contextmanager
    def noting(self) -> Iterator[list[StagedFile]]:
        """What is staged in this block, by this thread, is put on this list as well."""
        noted: list[StagedFile] = []
        self._noted.append(noted)
        token = staging.set(noted)
        try:
            yield noted
        finally:
            staging.reset(token)

    def settle(self, noted: list[StagedFile]) -> list[StagedFile]:
        """Everything that a step staged: what was noted, and what nobody noted, as when an op stages on a thread of its own."""
        if self._lake is not None:
            known = {file["path"] for files in self._noted for file in files}
            noted += [file for file in self._lake.staged() if file["path"] not in known]
        return noted

    def drop(self, noted: list[StagedFile]) -> None:
        """Forget what a step staged that failed or begins again."""
        if self._lake is not None and noted:
            self._lake.drop(noted)
        noted.clear()

    def rebase(self, state: SnapshotState) -> None:
        """Carry what is staged over to a newer snapshot."""
        self._since = time.monotonic()
        with self._carrying():
            self.get().rebase(state)

    def published(self, publication: Publication, state: SnapshotState) -> None:
        """Build on the snapshot that now names these files, and show it to readers."""
        with self._carrying():
            lake = self.get()
            lake.published(state)
        left = {file["path"] for file in lake.staged()} - {file["path"] for file in publication["files"]}
        for files in self._noted:
            files[:] = [file for file in files if file["path"] in left]

    @contextmanager
    def _carrying(self) -> Iterator[None]:
        # What a lake builds again here for other steps must not be dropped with the step that had it built.
        token = staging.set(self._restored)
        try:
            yield
        finally:
            staging.reset(token)
