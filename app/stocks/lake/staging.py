"""What a run has staged over its base snapshot: files by partition, newest on top, and what was noted of their datasets."""

import threading
from collections.abc import Collection, Sequence
from typing import Any, cast

from app.definitions import lake as contract
from app.definitions.lake import FileFacts, SnapshotState, StagedFile, Work
from app.stocks import dictionary

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
        self._works: list[Work] = []
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
            self._look()
            return self._base | {_place(file): cast(FileFacts, file) for file in self._staged}

    def _look(self) -> None:
        """The step under way sees the base now: what it makes stands on it."""
        work = contract.staging.get()
        if isinstance(work, Work) and work.saw is None:
            work.saw = self._versions()
            self._works.append(work)

    def _versions(self) -> dict[str, int]:
        return {name: dataset["version"] for name, dataset in self.state["datasets"].items()}

    def _stands_on(self, dataset: str) -> dict[str, int]:
        """Of which versions the step under way computes that dataset; empty for one that is not computed."""
        work, now = contract.staging.get(), self._versions()
        seen = {name: work.version(name) if isinstance(work, Work) else None for name in dictionary.get(dataset).made_of}
        return {name: now.get(name, 0) if version is None else version for name, version in seen.items()}

    def add(self, file: FileFacts, stands_on: dict[str, int] | None = None) -> None:
        """Put a file on top, unless it is the one that stands there. Going back to the base unstages the partition.

        `stands_on`: what a file that is built again stands on as before.
        """
        with self._lock:
            base = self._base.get(_place(file))
            current = self.current(*_place(file))
            if current is not None and current["path"] == file["path"]:
                return
            if base is not None and base["path"] == file["path"]:
                self._take_out(_place(file))
                return
            staged = cast(StagedFile, {**file, "base": base["path"] if base else None})
            if stands_on := stands_on or self._stands_on(file["dataset"]):
                staged["stands_on"] = stands_on
            if notes := self._waiting.pop(file["dataset"], None):
                staged["notes"] = notes
            self._staged.append(staged)
            step = contract.staging.get()
            if step is not None:
                step.append(staged)
            if isinstance(step, Work):
                step.makes.add(file["dataset"])

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

    def take_over(self, files: Sequence[StagedFile]) -> set[str]:
        """Put another run's files on top, as the step under way would; the datasets whose files are left out as stale."""
        with self._lock:
            self._look()
            self.restore(files)
            paths = {file["path"] for file in files}
            stale = [file for file in self.drop_stale({file["path"] for file in self._staged} - paths) if file["path"] in paths]
            kept = [file for file in files if file not in stale]
            step = contract.staging.get()
            if step is not None:
                step.extend(kept)
            if isinstance(step, Work):
                step.makes |= {file["dataset"] for file in kept}
            return {file["dataset"] for file in stale}

    def move_to(self, state: SnapshotState, *, own: bool = False) -> None:
        """Take another base; what it holds already is no longer staged. `own`: this run published it."""
        with self._lock:
            before = self._versions()
            self._take(state)
            held = {_place(file) for file in self.staged() if self._path(file) == file["path"]}
            self._staged = [file for file in self._staged if _place(file) not in held]
            if own:
                self._follow(before, {dataset for dataset, _ in held})

    def _follow(self, before: dict[str, int], published: set[str]) -> None:
        """What stood on the version before the run's own stands on that one, since nobody else's came in between."""
        now = self._versions()
        stands: list[dict[str, int]] = [work.saw for work in self._works if work.saw is not None]
        stands += [file["stands_on"] for file in self._staged if "stands_on" in file]
        for name in published:
            if now[name] == before.get(name, 0) + 1:
                for versions in stands:
                    if versions.get(name, 0) == before.get(name, 0):
                        versions[name] = now[name]

    def drop_stale(self, keep: Collection[str]) -> list[StagedFile]:
        """Take out, and answer, what was computed of older versions than the base's, but for those paths."""
        with self._lock:
            gone = [file for file in self._stale() if file["path"] not in keep]
            ids = {id(file) for file in gone}
            self._staged = [file for file in self._staged if id(file) not in ids]
            return gone

    def _stale(self) -> list[StagedFile]:
        """What was computed of older versions, or of what was."""
        now, found = self._versions(), [*(file for file in self._staged if "stands_on" in file)]
        datasets: set[str] = set()
        while True:
            stale = [
                file
                for file in found
                if any(now.get(name, 0) != version or name in datasets for name, version in file["stands_on"].items())
            ]
            if datasets == {file["dataset"] for file in stale}:
                return stale
            datasets = {file["dataset"] for file in stale}

    def astray(self) -> list[StagedFile]:
        """The staged files that were built from another file than the base snapshot's, and are worth to be built again."""
        stale = {id(file) for file in self._stale()}
        return [file for file in self.staged() if file["base"] != self._path(file) and id(file) not in stale]

    def replace(self, file: StagedFile, built: FileFacts | None) -> None:
        """Put what was built from an astray file in its place; None: the base holds it all."""
        with self._lock:
            self._take_out(_place(file))
            if built is not None:
                self.add(built, file.get("stands_on"))

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
