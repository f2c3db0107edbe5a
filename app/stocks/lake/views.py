"""What readers see: a folder of links per snapshot, `current` pointing at the newest, `market.duckdb` through it.

    views/42/daily_bars/2026-11.parquet -> ../../../lake/daily_bars/2026-11-<hash>.parquet
    views/42/quarantine/empty.parquet    (of a dataset without rows: its columns)
    views/42/market.duckdb                 current -> views/42        market.duckdb -> current/market.duckdb
    views/42/market.duckdb.wal -> nowhere
    views/42/_SUCCESS-2026-11-20.json    (of every trade date that was announced by then: see marks)

Links are relative, so they survive a move of the data dir. Readers are in nobody's way: a view is built aside and renamed,
`current` is moved in one step, and whoever holds an older view keeps it. Who is no reader is kept out: the DuckDB file is
read-only, its log cannot be written, and who shows it holds a shared lock on it (`app.shown`).
"""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from filelock import FileLock

from app.definitions.lake import SnapshotState
from app.durable import sync
from app.shown import Shown
from app.stocks import dictionary
from app.stocks.lake import marks
from app.stocks.lake.warehouse import build
from app.stocks.schema import Spec

CURRENT = "current"
WAREHOUSE = "market.duckdb"
LABEL = "snapshot.json"
LOG = f"{WAREHOUSE}.wal"
LOG_LINK = Path("nowhere") / LOG
"""No folder of that name is there, so DuckDB's log cannot be made: not by root either, who may write into a file of any mode.
To a reader a log that leads nowhere is none."""
LOCK = ".lock"
LOCK_SECONDS = 120
_shown = Shown()


def reveal(data_dir: Path, state: SnapshotState) -> None:
    """Make the snapshot's view, or mend it, and move `current` to it unless that shows a newer one."""
    if not state["snapshot"]:
        return
    views = data_dir / "views"
    views.mkdir(parents=True, exist_ok=True)
    with FileLock(views / LOCK, timeout=LOCK_SECONDS):
        view = views / str(state["snapshot"])
        label, wanted = _label(view), _wanted(data_dir, state)
        if label.get("files") != wanted["files"]:
            _make(data_dir, state, view, wanted)
        elif label != wanted:
            # The data dir was moved: the links still hold, the paths inside the DuckDB file do not.
            _write_warehouse(data_dir, state, view)
            _write_label(view, wanted)
        if shown(data_dir) <= state["snapshot"]:
            # Before readers find it; the service holds it too (`engine.upkeep`), for when this process ends.
            _shown.hold(view / WAREHOUSE)
            _point(data_dir / CURRENT, Path("views") / view.name)
            _point(data_dir / WAREHOUSE, Path(CURRENT) / WAREHOUSE)


def shown(data_dir: Path) -> int:
    """The snapshot that `current` points at; 0 for none."""
    try:
        return int((data_dir / CURRENT).readlink().name)
    except (OSError, ValueError):
        return 0


def _wanted(data_dir: Path, state: SnapshotState) -> dict[str, Any]:
    files: dict[str, list[str]] = {name: [] for name in dictionary.DATASETS}
    files |= {name: [file["path"] for file in dataset["files"]] for name, dataset in state["datasets"].items()}
    return {"snapshot": state["snapshot"], "published_at": state["published_at"], "data_dir": str(data_dir), "files": files}


def _label(view: Path) -> dict[str, Any]:
    try:
        label: dict[str, Any] = json.loads((view / LABEL).read_text())
    except (OSError, ValueError):
        return {}
    return label


def _make(data_dir: Path, state: SnapshotState, view: Path, label: dict[str, Any]) -> None:
    aside = view.with_name(f"{view.name}.{uuid.uuid4().hex}.tmp")
    try:
        for name, dataset in state["datasets"].items():
            folder = aside / name
            folder.mkdir(parents=True)
            for file in dataset["files"]:
                (folder / f"{file['partition']}.parquet").symlink_to(Path("../../../lake") / file["path"])
            sync(folder)
        for name, paths in label["files"].items():
            if not paths:
                known = state["datasets"].get(name)
                _write_nothing(aside / name, dictionary.get(name).within(known["facts"] if known else {}))
        _write_warehouse(data_dir, state, aside)
        marks.write(aside, state)
        _write_label(aside, label)
        if view.exists():
            # Half a view, or one of a database that was since restored from an older copy.
            view.rename(aside.with_suffix(".old"))
        aside.rename(view)
        sync(view.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(aside.with_suffix(".old"), ignore_errors=True)


def _write_nothing(folder: Path, spec: Spec) -> None:
    # So that a reader's script works before the first row, and gets the columns: no row in quarantine is good news.
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "empty.parquet"
    pq.write_table(spec.arrow.empty_table(), file)
    file.chmod(0o444)
    sync(file)
    sync(folder)


def _write_warehouse(data_dir: Path, state: SnapshotState, view: Path) -> None:
    aside = view / f".{WAREHOUSE}.{uuid.uuid4().hex}"
    try:
        build(aside, data_dir / "lake", state)
        sync(aside)
        # Read-only: a notebook that opens it to write would leave a log beside it that the next reader replays.
        aside.chmod(0o444)
        _point(view / LOG, LOG_LINK)
        aside.replace(view / WAREHOUSE)
    finally:
        aside.unlink(missing_ok=True)


def _write_label(view: Path, label: dict[str, Any]) -> None:
    aside = view / f".{LABEL}.{uuid.uuid4().hex}"
    aside.write_text(json.dumps(label))
    sync(aside)
    aside.replace(view / LABEL)
    sync(view)


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    aside = link.with_name(f".{link.name}.{uuid.uuid4().hex}")
    aside.symlink_to(target)
    aside.replace(link)
    sync(link.parent)
