"""A file of the lake is read only while it is what was written: its name bears the checksum of its content.

A Parquet footer has no checksum of its own: of one flipped bit in it Arrow makes an error in its own words, other rows, or the
end of the process. So the bytes are compared before Arrow sees them, once in each process.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from app.errors import FileDamaged

_NAMED = re.compile(r"(?P<partition>.+)-(?P<digest>[0-9a-f]{16})\.parquet")
_SEEN_LIMIT = 20_000
_seen: dict[Path, tuple[int, int, int]] = {}


def check(path: Path) -> None:
    """Raise FileDamaged, which tells dataset, snapshot and remedy, when a file of the lake is not there as it was written."""
    named = _NAMED.fullmatch(path.name)
    if named is None:
        return
    fault = _fault(path, named["digest"])
    if fault is not None:
        raise _damaged(path, named["partition"], fault)


def is_intact(path: Path) -> bool:
    """Whether the file is there and holds what its name says."""
    named = _NAMED.fullmatch(path.name)
    return named is not None and _fault(path, named["digest"]) is None


def _fault(path: Path, digest: str) -> str | None:
    try:
        found = path.stat()
        known = (found.st_ino, found.st_size, found.st_mtime_ns)
        if _seen.get(path) == known:
            return None
        if not found.st_size:
            return "is empty"
        with path.open("rb") as opened:
            if not hashlib.file_digest(opened, "sha256").hexdigest().startswith(digest):
                return f"does not hold what was written ({found.st_size} bytes are there)"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if len(_seen) >= _SEEN_LIMIT:
        _seen.clear()
    _seen[path] = known
    return None


def _damaged(path: Path, partition: str, fault: str) -> FileDamaged:
    lake, dataset = path.parent.parent, path.parent.name
    snapshot = max(_shown(lake.parent, dataset, partition, path.name), default=None)
    where = "no snapshot that is shown to readers" if snapshot is None else f"snapshot {snapshot}"
    return FileDamaged(
        f"The file {dataset}/{path.name} of dataset {dataset!r} in {where} {fault}.",
        hint=(
            f"`openbell db verify --deep` lists every such file. Put it back from a copy of {lake}, under the same name; "
            "without a copy, sync again into an empty data dir."
        ),
    )


def _shown(data_dir: Path, dataset: str, partition: str, name: str) -> Iterable[int]:
    """The snapshots whose views link to the file."""
    for view in data_dir.glob("views/*"):
        link = view / dataset / f"{partition}.parquet"
        if view.name.isdecimal() and link.is_symlink() and link.readlink().name == name:
            yield int(view.name)
