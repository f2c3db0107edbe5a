"""A worker that stands still, is killed or goes on too late: nothing of it lives when its run begins again, it writes nothing."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.engine import liveness
from app.manager import PipelineManager
from app.settings import Settings
from app.store import rescues, workers
from app.store.database import Database
from app.store.migrate import upgrade
from tests.engine.conftest import House, by_node, node
from tests.faults.alive import executes
from tests.faults.house_process import HouseProcess

MakeHouse = Callable[..., House]
StartWorker = Callable[..., HouseProcess]

pytestmark = pytest.mark.slow
OPS = {"op_modules": ["tests.faults.bad_ops"], "grace_seconds": 1, "reap_seconds": 0.2}
SHORT = {**OPS, "beat_seconds": 0.5, "lease_seconds": 2}


@pytest.fixture
def manager(database_url: str, tmp_path: Path) -> Iterator[PipelineManager]:
    """Who enqueues, in a process that executes nothing."""
    database = Database(database_url)
    upgrade(database.engine)
    yield PipelineManager(database, Settings(data_dir=tmp_path / "var", database_url=database_url))
    database.close()


def enqueue(manager: PipelineManager, *nodes: dict[str, Any]) -> str:
    manager.register_pipeline({"name": "turns", "nodes": list(nodes)})
    manager.register_job("turns", {"pipeline": "turns"})
    run_id: str = manager.run_job("turns")["id"]
    return run_id


def first_pids(folder: Path, wait_until: Any) -> list[int]:
    wait_until((folder / "first").exists, 30)
    pids = [int(pid) for pid in (folder / "first").read_text().split()]
    assert all(map(executes, pids))
    return pids


def final(manager: PipelineManager, run_id: str) -> dict[str, Any]:
    run = manager.wait_run(run_id, 30)
    assert run["status"] == "succeeded", run
    return run


def registered(manager: PipelineManager) -> dict[str, int]:
    """The living workers' ids and processes."""
    with manager.database.read() as connection:
        return {row["id"]: row["pid"] for row in workers.registered(connection)}


@pytest.mark.parametrize(("database_url", "what"), [("sqlite", "tree"), ("postgresql", "worker")], indirect=["database_url"])
def test_a_worker_that_stood_still_past_its_lease_has_lost_everything_and_comes_back_as_another(
    manager: PipelineManager, start_worker: StartWorker, make_house: MakeHouse, tmp_path: Path, wait_until: Any, what: str
) -> None:
    stopped = start_worker(**SHORT)
    run_id = enqueue(manager, node("a", "takes_turns", folder=str(tmp_path)), node("b", "good"))
    pids = first_pids(tmp_path, wait_until)
    stopped.stand_still()
    still = psutil.Process(stopped.pid).children(recursive=True) if what == "tree" else []
    for process in still:
        with contextlib.suppress(psutil.NoSuchProcess):  # one that was ending
            process.suspend()
    other = make_house(**SHORT)
    run = final(manager, run_id)
    assert by_node(run)["a"]["outputs"]["result"]["value"] == [], "what still lived when the run began again"
    assert (run["attempt"], run["crash_count"], by_node(run)["a"]["attempt"]) == (2, 1, 2)
    for process in still:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    stopped.go_on()
    # What it still believed is refused: the run stays as the other ended it.
    wait_until(lambda: stopped.pid in registered(manager).values(), 20, what="it is there again")
    found = registered(manager)
    assert stopped.worker not in found
    assert len(found) == 2
    assert not any(map(executes, pids))
    assert manager.get_run(run_id) == run
    assert other.run(node("a", "good"))["status"] == "succeeded"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_whose_runs_were_taken_over_meanwhile_ends_its_processes_before_anything_else(
    manager: PipelineManager, start_worker: StartWorker, tmp_path: Path, wait_until: Any
) -> None:
    """Taken over by one that could not reach them, as from another host."""
    worker = start_worker(**SHORT)
    run_id = enqueue(manager, node("a", "takes_turns", folder=str(tmp_path)))
    pids = first_pids(tmp_path, wait_until)
    worker.stand_still()
    assert manager.database.write(lambda connection: rescues.rescue(connection, worker.worker, "for the test")) == [run_id]
    worker.go_on()
    run = final(manager, run_id)
    assert by_node(run)["a"]["outputs"]["result"]["value"] == []
    assert not any(map(executes, pids))
    assert worker.worker not in registered(manager)
    assert list(registered(manager).values()) == [worker.pid]
    locks = tmp_path / "var"
    wait_until(lambda: liveness.locked(locks) == set(registered(manager)), 20, what="its lock file is swept")


def test_nothing_that_a_killed_worker_had_started_lives_when_its_run_begins_again(
    manager: PipelineManager, start_worker: StartWorker, make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    killed = start_worker(**OPS)
    run_id = enqueue(manager, node("a", "takes_turns", folder=str(tmp_path)))
    pids = first_pids(tmp_path, wait_until)
    (forkserver,) = [child for child in psutil.Process(killed.pid).children() if child.pid not in pids]
    # With their forkserver they lose whoever adopted them; the mark alone is left to find them by.
    os.kill(forkserver.pid, signal.SIGSTOP)
    killed.kill()
    os.kill(forkserver.pid, signal.SIGKILL)
    make_house(**OPS)
    run = final(manager, run_id)
    assert by_node(run)["a"]["outputs"]["result"]["value"] == []
    assert not any(map(executes, pids))
    assert (run["attempt"], run["crash_count"]) == (2, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_got_away_when_the_forkserver_was_killed_is_ended_before_the_run_begins_again(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    house = make_house(**OPS)
    run = house.run(node("a", "takes_turns", folder=str(tmp_path)), wait=None)
    pids = first_pids(tmp_path, wait_until)
    assert house.engine._forkserver.pid is not None
    os.kill(house.engine._forkserver.pid, signal.SIGKILL)
    run = house.final(run["id"])
    assert by_node(run)["a"]["outputs"]["result"]["value"] == []
    assert not any(map(executes, pids))
    assert (run["status"], run["crash_count"]) == ("succeeded", 1)
