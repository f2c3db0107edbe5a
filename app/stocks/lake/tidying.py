"""Takes away what nobody needs any more: files that no snapshot names and no run builds on, half-written ones, old views.

What a view links to, or a backup in the data dir lists, is needed until that is gone. Only what bears a name as this lake gives
them is touched, so a file that someone put there stays.
"""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

from filelock import FileLock

from app.definitions.lake import SnapshotState
from app.errors import Conflict
from app.stocks import dictionary
from app.stocks.lake import views
from app.stocks.lake.parquet import ASIDE, guarded

VIEW_SECONDS = 7 * 86_400
"""How long a view is kept once a newer one stands beside it: a notebook may still read from it."""

NAMELESS_SECONDS = 86_400
"""How long a whole file is kept that nobody names: a database that was set back may be set forward again."""

_FILE = re.compile(r".+-[0-9a-f]{16}\.parquet")
_ASIDE = re.compile(r".+-[0-9a-f]{32}")
_HALF_VIEW = re.compile(r"\d+\.[0-9a-f]{32}\.(tmp|old)")
_HALF_LINK = re.compile(rf"\.({views.CURRENT}|{re.escape(views.WAREHOUSE)})\.[0-9a-f]{{32}}")
_HALF_FILE = re.compile(rf"\.({re.escape(views.WAREHOUSE)}|{re.escape(views.LABEL)})\.[0-9a-f]{{32}}(\.wal)?")


def tidy(data_dir: Path, newest: SnapshotState, named: Collection[str], age_seconds: float) -> int:
    """Take away what is not among the `named` files (paths in the lake) and was not touched for so long; how much it was.

    `age_seconds` reaches back to before every step under way began: what such a step wrote is younger. `newest` is the
    database's newest snapshot: raises Conflict, and takes nothing away, when this is not the lake that it speaks of.
    """
    _check_ours(data_dir, newest)
    lake = data_dir / "lake"
    half = [path for path in (lake / ASIDE).glob("*") if _ASIDE.fullmatch(path.name)]
    gone = sum(_unlink(lake, path, age_seconds) for path in half)
    needed = frozenset({*named, *_listed(data_dir)})
    gone += sum(_unlink(lake, path, max(age_seconds, NAMELESS_SECONDS)) for path in _nameless(lake, needed))
    return gone + _tidy_views(data_dir)


def _check_ours(data_dir: Path, newest: SnapshotState) -> None:
    """Another database, or an older copy of this one, would have whole months taken away as nobody's."""
    files = [file["path"] for dataset in newest["datasets"].values() for file in dataset["files"]]
    missing = [path for path in files if not (data_dir / "lake" / path).is_file()]
    if (shown := views.shown(data_dir)) > newest["snapshot"]:
        raise Conflict(f"readers are shown snapshot {shown}, of which the database knows nothing: the lake is left as it is")
    if missing:
        raise Conflict(f"the lake lacks {missing[0]}, which the newest snapshot names: what is there is left as it is")


def _listed(data_dir: Path) -> Iterator[str]:
    """What views show and backups need: a notebook may read on, and a database that is put back names what it named."""
    for label in data_dir.glob(f"views/*/{views.LABEL}"):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for paths in json.loads(label.read_text())["files"].values():
                yield from paths
    for manifest in data_dir.glob("backups/*/backup.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            yield from (file["path"] for file in json.loads(manifest.read_text())["files"])


def _nameless(lake: Path, named: frozenset[str]) -> Iterator[Path]:
    for dataset in dictionary.DATASETS:
        for path in (lake / dataset).glob("*.parquet"):
            if _FILE.fullmatch(path.name) and f"{dataset}/{path.name}" not in named:
                yield path


def _unlink(lake: Path, path: Path, age_seconds: float) -> bool:
    # A run that finds its file there already touches it, under the same lock: then it stays.
    with guarded(lake), contextlib.suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime > age_seconds:
            path.unlink()
            return True
    return False


def _tidy_views(data_dir: Path) -> int:
    folder = data_dir / "views"
    if not folder.is_dir():
        return 0
    # Whoever makes a view holds this lock: what is half made now will never be whole.
    with FileLock(folder / views.LOCK, timeout=views.LOCK_SECONDS):
        half = [path for path in folder.iterdir() if _HALF_VIEW.fullmatch(path.name)]
        half += [path for path in data_dir.iterdir() if _HALF_LINK.fullmatch(path.name)]
        half += [path for path in folder.glob("*/.*") if _HALF_FILE.fullmatch(path.name)]
        gone = [*half, *_superseded(data_dir, folder)]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return len(gone)


def _superseded(data_dir: Path, folder: Path) -> list[Path]:
    """Views that were followed by a newer one so long ago; never the one that readers are shown."""
    made = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal() and (path / views.LABEL).is_file())
    since = time.time() - VIEW_SECONDS
    followed = {number: (folder / str(following)).stat().st_mtime for number, following in pairwise(made)}
    return [folder / str(number) for number, at in followed.items() if at < since and number != views.shown(data_dir)]
