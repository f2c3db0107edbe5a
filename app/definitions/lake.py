"""The lake as the run process sees it: the guest library provides it, the runner calls it, ops use it."""

from collections.abc import Collection, Sequence
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from typing import Any, Literal, NotRequired, Protocol, TypedDict

from app.definitions.dataset import Dataset


class FileFacts(TypedDict):
    """One immutable file of a dataset. `path` is relative to the lake's folder; `partition` is `2026-11`, or ``all``."""

    dataset: str
    partition: str
    path: str
    rows: int
    bytes: int
    min_date: str | None
    max_date: str | None


class StagedFile(FileFacts):
    """A file that a run wrote and nobody names yet. `base` is the path it was built from and replaces, if any.

    `notes` is what was noted of its dataset by then: a resumed run takes it up with the file. `stands_on` is of which versions
    of other datasets its rows were computed, 0 for one that was empty: they are published only while those are the newest.
    """

    base: str | None
    notes: NotRequired[dict[str, Any]]
    stands_on: NotRequired[dict[str, int]]


class Work(list[StagedFile]):
    """What one try of a step stages, and what that stands on. The lake keeps `saw` and `makes`, the runner `given`."""

    def __init__(self) -> None:
        super().__init__()
        self.saw: dict[str, int] | None = None
        """Every dataset's version when the step first looked; None: it did not look."""
        self.makes: set[str] = set()
        """The datasets that it staged anything of."""
        self.given: list[Work] = []
        """The work of those who handed it values or frames, which stand on what they saw."""

    def version(self, dataset: str) -> int | None:
        """The oldest version of a dataset that this work stands on; None when nobody looked."""
        own = [] if self.saw is None else [self.saw.get(dataset, 0)]
        return min([*own, *(seen for work in self.given if (seen := work.version(dataset)) is not None)], default=None)

    @property
    def looked(self) -> bool:
        """Whether what it made stands on anything that was read in the lake."""
        return self.saw is not None or any(work.looked for work in self.given)

    def forget(self) -> None:
        """The step begins again."""
        self.clear()
        self.saw = None
        self.makes = set()


staging: ContextVar[list[StagedFile] | None] = ContextVar("staging", default=None)
"""Where the step under way keeps what it stages. A lake appends each file as it stages it, in the thread that stages: a run
has one lake and parallel steps, and what a failed one staged is dropped without touching what its neighbour did."""


class DatasetState(TypedDict):
    """A dataset in one snapshot."""

    version: int
    rows: int
    quality: NotRequired[float | None]
    facts: dict[str, Any]
    files: list[FileFacts]


class Turn(TypedDict):
    """A publication that goes first, because it was overtaken before; and for how long others wait for it to move."""

    n: int
    seconds: float


class Release(TypedDict):
    """A trade date for which every dataset stands in what is published, and how much of its bars is there.

    `coverage` is 0..1 of the expected rows; None where it was not examined.
    """

    trade_date: str
    coverage: float | None


class Announcement(Release):
    """A release as it was announced: by which snapshot, with which version and how many rows of every dataset."""

    status: str
    snapshot: int
    released_at: str
    datasets: dict[str, dict[str, int]]


class SnapshotState(TypedDict):
    """A whole snapshot: every dataset with its files. Number 0 is the empty lake.

    `releases` are the newest trade dates that were announced by then. `behind` stands in the answer to a publication that must
    wait for another's turn: ask again; no dataset is told yet.
    """

    snapshot: int
    published_at: str
    datasets: dict[str, DatasetState]
    releases: NotRequired[list[Announcement]]
    behind: NotRequired[Turn]


class Publication(TypedDict):
    """What a publishing step asks to be named: the staged files, and per dataset its quality and facts.

    `releases` are the trade dates that it changes, where all that stands on them is up to date in it. `seconds` is how long it
    took to make, and so will its repeat. `passes` is a turn that was waited for in vain.
    """

    files: list[StagedFile]
    datasets: dict[str, dict[str, Any]]
    releases: NotRequired[list[Release]]
    seconds: NotRequired[float]
    passes: NotRequired[int]


class LakeHost(Protocol):
    """What the service answers the lake, over the run process's pipe."""

    @property
    def folder(self) -> Path:
        """The data dir's `lake` folder; `views` and `current` stand beside it."""

    def snapshot(self) -> SnapshotState:
        """The run's base snapshot."""


class Lake(Protocol):
    """One run's view of the lake: its base snapshot plus what it staged."""

    def restore(self, staged: Sequence[StagedFile]) -> None:
        """Take up what finished steps of this run staged, on resume."""

    def load(self, reference: Dataset, form: Literal["pandas", "arrow"]) -> Any:
        """The referenced dataset as a frame."""

    def read(
        self,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        symbols: Sequence[str] | None = None,
    ) -> Any:
        """Rows of the dataset as this run sees it, as an Arrow table sorted by its key."""

    def note(self, dataset: str, *, quality: float | None = None, **facts: Any) -> None:
        """Say something of the dataset's next version: its quality 0..1, and facts such as `adjusted=False`."""

    def facts(self, dataset: str) -> dict[str, Any]:
        """What was noted of the dataset: this run's notes over the base snapshot's facts; empty for an unknown one."""

    def stage(self, dataset: str, frame: Any) -> Dataset:
        """Upsert rows by the dataset's key: write new immutable files over the base's, name them to nobody."""

    def staged(self) -> list[StagedFile]:
        """Everything staged and not yet published."""

    def drop(self, files: Sequence[StagedFile]) -> None:
        """Forget what a failed step staged: the run sees again what stood there before, and nobody publishes it."""

    def publication(self) -> Publication:
        """What a publishing step is to name now."""

    def published(self, state: SnapshotState, *, own: bool = False) -> None:
        """The snapshot exists (or already did): it is the base from here on; make its view, move `current`.

        `own`: it names what this run staged.
        """

    def tidy(self, named: Collection[str], age_seconds: float) -> int:
        """Take away files that nobody named and that were not touched for so long, and old views; how many. For the service."""

    def rebase(self, state: SnapshotState, keep: Collection[str] = ()) -> list[StagedFile]:
        """The comparison was lost: carry what was staged over to the newer snapshot.

        What was computed of older versions is not carried over but dropped, and answered; but for the paths to `keep`, of
        steps at work: they stay as they are, until their step asks itself.
        """


class LakeFactory(Protocol):
    """How the guest library makes a lake for one run (or for the catch-up at start)."""

    def __call__(self, host: LakeHost) -> Lake:
        """A lake over that host."""
