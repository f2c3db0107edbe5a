"""Publication under fire: one snapshot, one owner, whatever stands still, dies or comes second between files, rows and links."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from sqlalchemy import select

from app.manager import PipelineManager
from app.store import lake, rescues
from app.store.tables import snapshots
from tests.engine.conftest import House, by_node, node
from tests.faults.alive import executes
from tests.faults.house_process import HouseProcess
from tests.faults.lake_ops import DATASET

MakeHouse = Callable[..., House]
pytestmark = pytest.mark.slow
OPS = {"op_modules": ["tests.faults.lake_ops"], "grace_seconds": 1, "reap_seconds": 0.2}
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def prices(house: House) -> dict[str, set[float]]:
    """What a reader of `current` sees: every instrument's prices."""
    found: dict[str, set[float]] = {}
    for file in (house.settings.data_dir / "current" / DATASET).iterdir():
        for row in pq.read_table(file, columns=["order_book_id", "close"]).to_pylist():
            found.setdefault(row["order_book_id"], set()).add(row["close"])
    return found


def published(house: House) -> list[tuple[str, int]]:
    """The run and attempt of every snapshot."""
    with house.database.read() as connection:
        return [tuple(row) for row in connection.execute(select(snapshots.c.run_id, snapshots.c.attempt))]


def named(house: House) -> set[str]:
    with house.database.read() as connection:
        state = lake.state(connection, lake.newest(connection))
    return {file["path"] for dataset in state["datasets"].values() for file in dataset["files"]}


def in_lake(house: House) -> set[str]:
    folder = house.settings.data_dir / "lake"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def staged_by(folder: Path, wait_until: Any) -> int:
    """The process that has staged and not published yet."""
    wait_until((folder / "staged").exists, 30)
    return int((folder / "staged").read_text())


@pytest.fixture
def unaware(make_house: MakeHouse, start_worker: Callable[..., HouseProcess]) -> HouseProcess:
    """A worker that learns late that it was declared dead: it beats once in a hundred seconds."""
    return start_worker(**OPS, beat_seconds=100, lease_seconds=300)


def test_a_child_that_stood_still_until_another_attempt_had_published_publishes_nothing(
    unaware: HouseProcess, make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    manager = PipelineManager.open(tmp_path / "var", database_url=unaware.url)
    manager.register_pipeline({"name": "p", "nodes": [node("a", "publish_bars", symbol="600000.XSHG", folder=str(tmp_path))]})
    manager.register_job("p", {"pipeline": "p"})
    run_id = manager.run_job("p")["id"]
    child = staged_by(tmp_path, wait_until)
    os.kill(child, signal.SIGSTOP)
    unaware.stand_still()
    manager.database.write(lambda connection: rescues.rescue(connection, unaware.worker, "for the test"))
    other = make_house(**OPS)
    run = other.final(run_id)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    assert published(other) == [(run_id, 2)]
    # Its child asks for the publication now, and then the worker, which still believes that the run is its own, hears of it.
    (tmp_path / "go").touch()
    os.kill(child, signal.SIGCONT)
    wait_until((tmp_path / "goes").exists)
    wait_until(lambda: psutil.Process(child).status() == psutil.STATUS_SLEEPING)
    unaware.go_on()
    wait_until(lambda: not executes(child), what="its child is ended")
    assert published(other) == [(run_id, 2)]
    assert manager.get_run(run_id) == run
    assert prices(other) == {"600000.XSHG": {2.0}}
    manager.close()


@SQLITE
def test_one_that_dies_between_its_files_and_their_snapshot_leaves_files_that_go_at_a_later_start(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    house = make_house(**OPS)
    run = house.run(node("a", "publish_bars", symbol="600000.XSHG", folder=str(tmp_path), first="die"))
    assert (run["status"], run["crash_count"]) == ("succeeded", 1)
    assert published(house) == [(run["id"], 2)]
    orphans = in_lake(house) - named(house)
    assert orphans
    for path in in_lake(house):
        os.utime(house.settings.data_dir / "lake" / path, (0, 0))
    again = make_house(**OPS)
    wait_until(lambda: in_lake(again) == named(again))
    assert prices(again) == {"600000.XSHG": {2.0}}


@SQLITE
def test_a_snapshot_whose_child_dies_before_readers_are_shown_it_is_shown_all_the_same(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    house = make_house(**OPS)
    house.run(node("a", "publish_bars", symbol="600000.XSHG"))
    with FileLock(house.settings.data_dir / "views" / ".lock"):
        # Whoever wants to show a snapshot waits here.
        run = house.run(node("a", "publish_bars", symbol="600001.XSHG", folder=str(tmp_path)), wait=None)
        child = staged_by(tmp_path, wait_until)
        (tmp_path / "go").touch()
        wait_until(lambda: len(published(house)) == 2)
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: not executes(child))
        assert prices(house) == {"600000.XSHG": {1.0}}
    run = house.final(run["id"])
    assert (run["status"], by_node(run)["a"]["attempt"]) == ("succeeded", 1)
    wait_until(lambda: prices(house) == {"600000.XSHG": {1.0}, "600001.XSHG": {1.0}}, 30)
    assert published(house) == [(first, 1) for first, _ in published(house)]


def test_of_two_runs_that_build_on_one_file_the_second_begins_its_step_again_and_both_count(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    house = make_house(**OPS)
    house.run(node("a", "publish_bars", symbol="600000.XSHG"))
    loser = house.run(node("a", "publish_bars", symbol="600001.XSHG", folder=str(tmp_path)), wait=None)
    staged_by(tmp_path, wait_until)
    winner = house.run(node("a", "publish_bars", symbol="600002.XSHG"))
    (tmp_path / "go").touch()
    loser = house.final(loser["id"])
    step = by_node(loser)["a"]
    assert (loser["status"], loser["attempt"], loser["failures"], step["attempt"]) == ("succeeded", 1, 0, 1)
    assert "Another run published first" in house.log(loser)
    assert [run_id for run_id, _ in published(house)][1:] == [winner["id"], loser["id"]]
    assert prices(house) == {f"60000{number}.XSHG": {1.0} for number in range(3)}
