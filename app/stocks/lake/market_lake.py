"""The lake as one run sees it: its base snapshot plus what the run staged."""

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from app.definitions import registry
from app.definitions.dataset import Dataset
from app.definitions.lake import FileFacts, LakeHost, Publication, SnapshotState, StagedFile
from app.stocks import dictionary
from app.stocks.lake import reading, sweep, tidying
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.merge import remove
from app.stocks.lake.parquet import Sink
from app.stocks.lake.rebase import carry
from app.stocks.lake.releases import released
from app.stocks.lake.rows import conform, form, split
from app.stocks.lake.staging import Staging
from app.stocks.lake.views import reveal, shown
from app.stocks.lake.writer import BlockWriter
from app.stocks.schema import Spec

_log = logging.getLogger(__name__)


class MarketLake:
    """Implements `app.definitions.lake.Lake`. Steps on several threads may use it; one at a time writes a dataset."""

    def __init__(self, host: LakeHost) -> None:
        self.folder = host.folder
        self._staging = Staging(host.snapshot())
        self._writing = {name: threading.RLock() for name in dictionary.DATASETS}

    @property
    def snapshot(self) -> SnapshotState:
        """The snapshot that this run builds on."""
        return self._staging.state

    def spec(self, dataset: str) -> Spec:
        """The dataset as this run sees it: one that grows has the columns that its facts tell of."""
        return dictionary.get(dataset).within(self._staging.facts(dataset))

    def files(self, dataset: str) -> list[FileFacts]:
        """The dataset's files as this run sees them, by partition."""
        dictionary.get(dataset)
        return self._staging.files(dataset)

    def path(self, dataset: str, partition: str) -> Path | None:
        """The file of that partition, if there is one."""
        file = self._staging.current(dataset, partition)
        return self.folder / file["path"] if file else None

    def newest_date(self, dataset: str) -> str | None:
        """The dataset's last trade date; None when it is empty or has no dates."""
        return max((last for file in self.files(dataset) if (last := file["max_date"])), default=None)

    def symbols(self, dataset: str) -> dict[str, int]:
        """Every instrument of the dataset with its number of rows."""
        return sweep.symbols(self.folder, self.files(dataset))

    def read(
        self,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows of the dataset as this run sees it, sorted by its key. See `reading.read`."""
        spec = self.spec(dataset)
        files = self._staging.files(dataset)
        return reading.read(self.folder, spec, files, columns=columns, start=start, end=end, symbols=symbols)

    def load(self, reference: Dataset, form: Literal["pandas", "arrow"]) -> Any:
        """The referenced dataset as a frame."""
        table = self.read(reference.name)
        return table if form == "arrow" else table.to_pandas()

    def facts(self, dataset: str) -> dict[str, Any]:
        """What is known of the dataset: this run's notes over the base's facts."""
        return self._staging.facts(dataset)

    def note(self, dataset: str, *, quality: float | None = None, **facts: Any) -> None:
        """Say something of the dataset's next version; it is kept with the files that are staged of it."""
        dictionary.get(dataset)
        said = facts if quality is None else {**facts, "quality": quality}
        self._staging.note(dataset, said)

    def carry_notes(self, source: str, target: str) -> None:
        """Say of a computed dataset what is known of the one it stands on: its quality, and whether prices are adjusted."""
        facts = self.facts(source)
        adjusted = {"adjusted": facts["adjusted"]} if "adjusted" in facts else {}
        self.note(target, quality=self._staging.quality(source), **adjusted)

    def stage(self, dataset: str, frame: Any) -> Dataset:
        """Upsert a frame's rows by the dataset's key. Raises ValueError as `rows.conform` does."""
        spec = self.spec(dataset)
        rows = conform(spec, frame)
        with self.writer(dataset) as writer:
            writer.append(split(spec, rows))
        return self.reference(dataset, rows=len(rows))

    @contextmanager
    def writer(self, dataset: str, *, whole: bool = False) -> Iterator[BlockWriter]:
        """Upsert blocks of rows in ascending key order: for what is too wide to be held whole.

        `whole`: the blocks become all of the dataset; what else it holds is gone at a clean end.
        """
        spec = self.spec(dataset)

        def find(partition: str) -> Path | None:
            return None if whole else self.path(dataset, partition)

        with self._writing[dataset]:
            with BlockWriter(self.folder, spec, find, self._staging.add) as writer:
                yield writer
            left = [file for file in self.files(dataset) if whole and file["partition"] not in writer.partitions]
            for file in left:
                self.replace(dataset, file["partition"], form(spec).empty_table())

    def remove(self, dataset: str, keys: pa.Table) -> None:
        """Take out the rows of those keys, where there are any."""
        spec = self.spec(dataset)
        with self._writing[dataset]:
            for partition, part in split(spec, keys) if len(keys) else ():
                path = self.path(dataset, partition)
                rows = Cursor(path, spec).take() if path else None
                if rows is not None and len(kept := remove(spec, rows, part)) < len(rows):
                    self.replace(dataset, partition, kept)

    def replace(self, dataset: str, partition: str, rows: pa.Table) -> None:
        """Make these rows, in the lake's form, the whole content of one partition."""
        spec = self.spec(dataset)
        if any(name != partition for name, _ in split(spec, rows)):
            raise ValueError(f"rows of {dataset!r} for {partition} hold other months too")
        with self._writing[dataset]:
            if not len(rows) and self.path(dataset, partition) is None:
                return
            sink = Sink(self.folder, spec, partition)
            try:
                sink.append(rows)
                facts = sink.finish()
            except BaseException:
                sink.discard()
                raise
            self._staging.add(facts)

    def reference(self, dataset: str, *, rows: int | None = None) -> Dataset:
        """A reference to the dataset, with its quality as this run knows it; `rows`: how many the step was about."""
        return Dataset(dataset, rows, self._staging.quality(dataset))

    def staged(self) -> list[StagedFile]:
        """Everything staged and not yet published."""
        return self._staging.staged()

    def drop(self, files: Sequence[StagedFile]) -> None:
        """Forget what a failed step staged: the run sees again what stood there before."""
        self._staging.drop(files)

    def restore(self, staged: Sequence[StagedFile]) -> None:
        """Take up what finished steps staged. Raises FileNotFoundError when one of the files is gone."""
        self._check_there(staged)
        self._staging.restore(staged)
        self._carry_over()

    def take_over(self, files: Sequence[StagedFile]) -> set[str]:
        """Stage what another run had staged and not published, on the snapshot that this run builds on.

        Answers the computed datasets that are left out, because what they were computed of has been published anew since.
        Raises FileNotFoundError when one of the files is gone.
        """
        self._check_there(files)
        left = self._staging.take_over(files)
        self._carry_over()
        return left

    def publication(self) -> Publication:
        """What a publishing step is to name now: the staged files, what was noted of their datasets, and what that releases."""
        files = self._staging.staged()
        datasets = sorted({file["dataset"] for file in files})
        notes = {name: self._staging.notes(name) for name in datasets}
        return {"files": files, "datasets": notes, "releases": released(self.folder, self._staging, files)}

    def published(self, state: SnapshotState, *, own: bool = False) -> None:
        """Build on that snapshot from here on, show it to readers. `own`: it names what this run staged."""
        self._staging.move_to(state, own=own)
        self._carry_over()
        self.reveal(state)

    def reveal(self, state: SnapshotState) -> None:
        """Make the snapshot's view and point `current` at it, unless that shows a newer one.

        The snapshot exists whether or not this works: trouble is logged, and the next publication or start tries again.
        """
        try:
            reveal(self.folder.parent, state)
        except (OSError, duckdb.Error):
            _log.exception("snapshot %s is published, but its view could not be made", state["snapshot"])

    def show(self) -> int | None:
        """Make sure that readers see the snapshot that this run builds on, or a newer one: which; None when they do not."""
        self.reveal(self._staging.state)
        visible = shown(self.folder.parent)
        return visible if visible >= self._staging.state["snapshot"] else None

    def tidy(self, named: Collection[str], age_seconds: float) -> int:
        """Take away what nobody needs any more. See `tidying.tidy`."""
        return tidying.tidy(self.folder.parent, self._staging.state, named, age_seconds)

    def rebase(self, state: SnapshotState, keep: Collection[str] = ()) -> list[StagedFile]:
        """Carry what was staged over to a newer snapshot: the rows that this run changed are upserted there.

        What was computed of older versions is dropped and answered, but for the paths to `keep`.
        """
        self._staging.move_to(state)
        stale = self._staging.drop_stale(keep)
        self._carry_over()
        return stale

    def _check_there(self, files: Sequence[StagedFile]) -> None:
        for file in files:
            if not (self.folder / file["path"]).is_file():
                raise FileNotFoundError(f"the staged file {file['path']} is gone")

    def _carry_over(self) -> None:
        """Build every staged file again whose base is no longer the base snapshot's."""
        for file in self._staging.astray():
            onto = self._staging.base(file["dataset"], file["partition"])
            self._staging.replace(file, carry(self.folder, self.spec(file["dataset"]), file, onto))


registry.provide_lake(MarketLake)


def market_lake(context: Any) -> MarketLake:
    """The lake of an op's or query's context, with what it has beyond the contract."""
    lake = context.lake
    if not isinstance(lake, MarketLake):
        raise TypeError("these ops need the lake that app.stocks provides")
    return lake
