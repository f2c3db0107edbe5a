"""From which files a computed dataset was made, so that what changed since is found by comparing rows, not by trust."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from app.definitions.lake import FileFacts
from app.stocks import dictionary
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.merge import Difference, difference


def stamp(file: FileFacts) -> str:
    """The hash in a file's name."""
    return Path(file["path"]).stem.removeprefix(f"{file['partition']}-")


def stamps(files: list[FileFacts]) -> dict[str, str]:
    """Each partition's hash."""
    return {file["partition"]: stamp(file) for file in files}


def changes(
    folder: Path, dataset: str, files: list[FileFacts], made_from: dict[str, str], columns: list[str]
) -> list[Difference]:
    """What those columns of a dataset became since it consisted of those hashes, one difference for each changed partition.

    Where the older file is no longer kept, every row counts as changed.
    """
    spec = dictionary.get(dataset)
    found = []
    here = stamps(files)
    for partition in sorted({*here, *made_from}):
        if here.get(partition) == made_from.get(partition):
            continue
        new = _rows(folder, dataset, partition, here.get(partition), columns)
        old = _rows(folder, dataset, partition, made_from.get(partition), columns)
        if new is None:
            new = old.slice(0, 0) if old is not None else None
        if new is not None:
            found.append(difference(spec, old, new))
    return found


def _rows(folder: Path, dataset: str, partition: str, digest: str | None, columns: list[str]) -> pa.Table | None:
    path = folder / dataset / f"{partition}-{digest}.parquet"
    return Cursor(path, dictionary.get(dataset), columns).take() if digest and path.is_file() else None


def remembered(facts: dict[str, Any], version: int) -> dict[str, Any] | None:
    """What a dataset's fact `made_from` remembers of its origin; None when that was another version of the formulas."""
    made: dict[str, Any] = facts.get("made_from") or {}
    return made if made.get("version") == version else None
