"""What a run has staged over its base snapshot: files by partition, newest on top, and what was noted of their datasets."""

import threading
from collections.abc import Sequence
from typing import Any, cast

from app.definitions import lake as contract
from app.definitions.lake import FileFacts, SnapshotState, StagedFile

_Place = tuple[str, str]


class Staging:
    """Bookkeeping only: it opens no file. Safe to use from several threads.

    A note is kept with the dataset's newest staged file, so that it is resumed, dropped and published with the rows it is
    about; while there is none it waits for the first.
    """

    state: SnapshotState
    """The base snapshot."""

    def __init__(self, state: SnapshotState) -> None:
        self._lock = threading.RLock()
        self._staged: list[StagedFile] = []
        self._waiting: dict[str, dict[str, Any]] = {}
        self._take(state)

    def _take(self, state: SnapshotState) -> None:
        self.state = state
        self._base: dict[_Place, FileFacts] = {
            (name, file["partition"]): file for name, dataset in state["datasets"].items() for file in dataset["files"]
        }

    def base(self, dataset: str, partition: str) -> FileFacts | None:
        """The base snapshot's file."""
        return self._base.get((dataset, partition))

    def current(self, dataset: str, partition: str) -> FileFacts | None:
        """The file as the run sees it."""
        return self._now().get((dataset, partition))

    def files(self, dataset: str) -> list[FileFacts]:
        """The dataset's files as the run sees them, by partition."""
        return [file for (name, _), file in sorted(self._now().items()) if name == dataset]

    def staged(self) -> list[StagedFile]:
        """The newest staged file of each partition."""
        with self._lock:
            return [file for _, file in sorted({_place(file): file for file in self._staged}.items())]

    def _now(self) -> dict[_Place, FileFacts]:
        with self._lock:
            return self._base | {_place(file): cast(FileFacts, file) for file in self._staged}

    def add(self, file: FileFacts) -> None:
        """Put a file on top, unless it is the one that stands there. Going back to the base unstages the partition."""
        with self._lock:
            base = self._base.get(_place(file))
            current = self.current(*_place(file))
            if current is not None and current["path"] == file["path"]:
                return
            if base is not None and base["path"] == file["path"]:
                self._take_out(_place(file))
                return
            staged = cast(StagedFile, {**file, "base": base["path"] if base else None})
            if notes := self._waiting.pop(file["dataset"], None):
                staged["notes"] = notes
            self._staged.append(staged)
            step = contract.staging.get()
            if step is not None:
                step.append(staged)

    def drop(self, files: Sequence[StagedFile]) -> None:
        """Take those files out, the newest of each, and what was noted with them."""
        with self._lock:
            for file in reversed(files):
                places = [place for place, staged in enumerate(self._staged) if staged["path"] == file["path"]]
                if places:
                    del self._staged[places[-1]]

    def _take_out(self, place: _Place) -> None:
        """Take out every file of a partition; what was noted with them stays said."""
        gone = [file for file in self._staged if _place(file) == place]
        self._staged = [file for file in self._staged if _place(file) != place]
        for file in gone:
            if notes := file.get("notes"):
                self.note(file["dataset"], notes)

    def restore(self, files: Sequence[StagedFile]) -> None:
        """Put files on top in that order, with the notes that were kept with them."""
        with self._lock:
            self._staged.extend(files)

    def move_to(self, state: SnapshotState) -> None:
        """Take another base; what it holds already is no longer staged."""
        with self._lock:
            self._take(state)
            held = {_place(file) for file in self.staged() if self._path(file) == file["path"]}
            self._staged = [file for file in self._staged if _place(file) not in held]

    def astray(self) -> list[StagedFile]:
        """The staged files that were built from another file than the base snapshot's."""
        return [file for file in self.staged() if file["base"] != self._path(file)]

    def replace(self, file: StagedFile, built: FileFacts | None) -> None:
        """Put what was built from an astray file in its place; None: the base holds it all."""
        with self._lock:
            self._take_out(_place(file))
            if built is not None:
                self.add(built)

    def note(self, dataset: str, said: dict[str, Any]) -> None:
        """Keep what was said of a dataset."""
        with self._lock:
            newest = next((file for file in reversed(self._staged) if file["dataset"] == dataset), None)
            notes = self._waiting.setdefault(dataset, {}) if newest is None else newest.setdefault("notes", {})
            notes.update(said)

    def notes(self, dataset: str) -> dict[str, Any]:
        """What this run said of the dataset, its quality among it."""
        with self._lock:
            said = dict(self._waiting.get(dataset, {}))
            for file in self._staged:
                if file["dataset"] == dataset:
                    said |= file.get("notes", {})
            return said

    def facts(self, dataset: str) -> dict[str, Any]:
        """This run's notes over the base snapshot's facts."""
        base = self.state["datasets"].get(dataset)
        said = {key: value for key, value in self.notes(dataset).items() if key != "quality"}
        return {**(base["facts"] if base else {}), **said}

    def quality(self, dataset: str) -> float | None:
        """The dataset's quality as this run knows it."""
        base = self.state["datasets"].get(dataset)
        quality: float | None = self.notes(dataset).get("quality", base.get("quality") if base else None)
        return quality

    def _path(self, file: FileFacts) -> str | None:
        base = self._base.get(_place(file))
        return base["path"] if base else None


def _place(file: FileFacts) -> _Place:
    return file["dataset"], file["partition"]
