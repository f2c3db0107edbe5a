"""What a run has staged over its base snapshot: files by partition, newest on top, and notes by dataset."""

import threading
from collections.abc import Sequence
from typing import Any, cast

from app.definitions.lake import FileFacts, SnapshotState, StagedFile, staging

_Place = tuple[str, str]


class Staging:
    """Bookkeeping only: it opens no file. Safe to use from several threads."""

    def __init__(self, state: SnapshotState) -> None:
        self._lock = threading.RLock()
        self._staged: dict[_Place, list[StagedFile]] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, StagedFile] = {}
        self._take(state)

    def _take(self, state: SnapshotState) -> None:
        self._state = state
        self._base: dict[_Place, FileFacts] = {
            (name, file["partition"]): file for name, dataset in state["datasets"].items() for file in dataset["files"]
        }

    def base(self, dataset: str, partition: str) -> FileFacts | None:
        """The base snapshot's file."""
        return self._base.get((dataset, partition))

    def current(self, dataset: str, partition: str) -> FileFacts | None:
        """The file as the run sees it."""
        with self._lock:
            pile = self._staged.get((dataset, partition))
            return pile[-1] if pile else self._base.get((dataset, partition))

    def files(self, dataset: str) -> list[FileFacts]:
        """The dataset's files as the run sees them, by partition."""
        with self._lock:
            partitions = sorted({part for name, part in (*self._base, *self._staged) if name == dataset})
            return [file for part in partitions if (file := self.current(dataset, part)) is not None]

    def staged(self) -> list[StagedFile]:
        """The newest staged file of each partition."""
        with self._lock:
            return [pile[-1] for _, pile in sorted(self._staged.items())]

    def add(self, file: FileFacts) -> None:
        """Put a file on top, unless it is the one that stands there. Going back to the base unstages the partition."""
        with self._lock:
            place = (file["dataset"], file["partition"])
            base = self._base.get(place)
            if base is not None and base["path"] == file["path"]:
                self._staged.pop(place, None)
                return
            current = self.current(*place)
            if current is None or current["path"] != file["path"]:
                staged = cast(StagedFile, {**file, "base": base["path"] if base else None})
                self._staged.setdefault(place, []).append(staged)
                self._label(staged)
                if (noted := staging.get()) is not None:
                    noted.append(staged)

    def drop(self, files: Sequence[StagedFile]) -> None:
        """Take those files out."""
        with self._lock:
            paths = {file["path"] for file in files}
            for place in {(file["dataset"], file["partition"]) for file in files}:
                left = [file for file in self._staged.pop(place, []) if file["path"] not in paths]
                if left:
                    self._staged[place] = left

    def restore(self, files: Sequence[StagedFile]) -> None:
        """Put files on top in that order, with the notes that were kept with them."""
        with self._lock:
            for file in files:
                self._notes.setdefault(file["dataset"], {}).update(file.get("notes", {}))
                self._staged.setdefault((file["dataset"], file["partition"]), []).append(file)

    def move_to(self, state: SnapshotState) -> None:
        """Take another base; what it holds already is no longer staged."""
        with self._lock:
            self._take(state)
            for place, pile in list(self._staged.items()):
                base = self._base.get(place)
                if base is not None and base["path"] == pile[-1]["path"]:
                    del self._staged[place]
            with_files = {dataset for dataset, _ in self._staged}
            self._notes = {name: notes for name, notes in self._notes.items() if name in with_files}
            self._newest = {name: file for name, file in self._newest.items() if name in with_files}

    def astray(self) -> list[StagedFile]:
        """The staged files that were built from another file than the base snapshot's."""
        with self._lock:
            return [file for file in self.staged() if file["base"] != self._path(file)]

    def replace(self, file: StagedFile, built: FileFacts | None) -> None:
        """Put what was built from an astray file in its place; None: the base holds it all."""
        with self._lock:
            del self._staged[file["dataset"], file["partition"]]
            if built is not None:
                self.add(built)

    def note(self, dataset: str, said: dict[str, Any]) -> None:
        """Keep what was said of a dataset, also with its newest staged file: a resumed run reads it there."""
        with self._lock:
            self._notes.setdefault(dataset, {}).update(said)
            if dataset in self._newest:
                self._label(self._newest[dataset])

    def _label(self, newest: StagedFile) -> None:
        # One file carries the notes, not each of hundreds.
        before = self._newest.get(newest["dataset"])
        if before is not None:
            before.pop("notes", None)
        self._newest[newest["dataset"]] = newest
        if notes := self.notes(newest["dataset"]):
            newest["notes"] = notes

    def notes(self, dataset: str) -> dict[str, Any]:
        """What this run said of the dataset, its quality among it."""
        with self._lock:
            return dict(self._notes.get(dataset, {}))

    def facts(self, dataset: str) -> dict[str, Any]:
        """This run's notes over the base snapshot's facts."""
        base = self._state["datasets"].get(dataset)
        said = {key: value for key, value in self.notes(dataset).items() if key != "quality"}
        return {**(base["facts"] if base else {}), **said}

    def quality(self, dataset: str) -> float | None:
        """The dataset's quality as this run knows it."""
        base = self._state["datasets"].get(dataset)
        quality: float | None = self.notes(dataset).get("quality", base.get("quality") if base else None)
        return quality

    def _path(self, file: FileFacts) -> str | None:
        base = self._base.get((file["dataset"], file["partition"]))
        return base["path"] if base else None
