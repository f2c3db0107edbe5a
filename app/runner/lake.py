"""The lake as one run and one step of it see it."""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.definitions import registry
from app.definitions.lake import Lake, Publication, SnapshotState, StagedFile, Work, staging
from app.errors import Unavailable
from app.runner.emitter import Emitter
from app.runner.graph import Node, Source


class Host:
    """What the lake may ask of the service."""

    def __init__(self, emitter: Emitter, data_dir: Path, snapshot: int | None = None) -> None:
        self._emitter = emitter
        self._asked = {} if snapshot is None else {"snapshot": snapshot}
        self.folder = data_dir / "lake"

    def snapshot(self) -> SnapshotState:
        """The run's base snapshot; for a query the newest, or the one that it asked for."""
        state: SnapshotState = self._emitter.ask("snapshot", self._asked)
        return state


def open_lake(emitter: Emitter, data_dir: Path, snapshot: int | None = None) -> Lake:
    """A lake over the service's snapshots; a query may name one. Raises Unavailable when no op module brought a lake."""
    factory = registry.lake_factory()
    if factory is None:
        raise Unavailable("There is no lake: no imported op module provides one.")
    return factory(Host(emitter, data_dir, snapshot))


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
        self.works: dict[str, Work] = {}
        """What each node staged in its newest try in this process."""

    def get(self) -> Lake:
        """The lake, with what finished steps staged."""
        with self._lock:
            if self._lake is None:
                lake = open_lake(self._emitter, self._data_dir)
                lake.restore(self._restored)
                self._lake, self._since = lake, time.monotonic()
            return self._lake

    def computed(self, node: Node) -> list[StagedFile]:
        """What the node at work staged so far of computed datasets."""
        return [file for file in self.works.get(node.id, ()) if "stands_on" in file]

    def publication(self, leave_out: Collection[str]) -> Publication:
        """What is to be named now but those paths, and how long it took since the run saw the snapshot that it builds on."""
        publication = self.get().publication()
        files = [file for file in publication["files"] if file["path"] not in leave_out]
        return {**publication, "files": files, "seconds": time.monotonic() - self._since}

    def begins(self, node: Node, work: Work) -> None:
        """That work is this node's, and stands on what those saw who hand it values or frames."""
        self.works[node.id] = work
        handed = [source.node.id for source in node.sources if _kind(source) != "dataset"]
        work.given = [self.works[name] for name in handed if name in self.works]

    @contextmanager
    def noting(self) -> Iterator[Work]:
        """What is staged in this block, by this thread, is put on this list as well."""
        noted = Work()
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
        if isinstance(noted, Work):
            noted.forget()
        else:
            noted.clear()

    def rebase(self, state: SnapshotState, keep: Collection[str]) -> set[str]:
        """Carry what is staged over to a newer snapshot, but for the paths to keep; the datasets that must be computed again."""
        self._since = time.monotonic()
        with self._carrying():
            return {file["dataset"] for file in self.get().rebase(state, keep)}

    def published(self, publication: Publication, state: SnapshotState, *, own: bool) -> None:
        """Build on the snapshot that now names these files, and show it to readers. `own`: this run made it."""
        with self._carrying():
            lake = self.get()
            lake.published(state, own=own)
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


def _kind(source: Source) -> str | None:
    output = source.node.outputs.get(source.output)
    return output["kind"] if output else None
