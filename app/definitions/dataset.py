"""A reference to a dataset of the lake, as ops hand it to each other: small, stored with the step."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A named table of the lake as this run sees it: its base snapshot plus what the run has staged.

    As an annotation it marks an input or output that is a reference rather than a frame. An input `x: Dataset` that
    is fed a frame has that frame staged as the dataset `x`, or the one named by `Annotated[Dataset, "name"]`.
    """

    name: str
    rows: int | None = None
    quality: float | None = None
