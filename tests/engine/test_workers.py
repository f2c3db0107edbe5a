"""Workers that share a queue, stop, die or lose their lease: no run is lost, none runs twice at once."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.errors import Conflict, Unavailable
from app.manager import PipelineManager
from app.store import workers
from app.store.database import Database
from tests.engine.conftest import House, by_node, node

MakeHouse = Callable[..., House]


def hanging(house: House, mark: Path, **job: Any) -> dict[str, Any]:
    return house.run(node("first", "number"), node("a", "hang", mark=str(mark)), wait=None, **job)


def pid_in(mark: Path) -> int:
    return int(mark.read_text()) if mark.exists() and mark.read_text() else 0


def test_a_chain_on_either_database_and_two_workers_share_the_queue(make_house: MakeHouse) -> None:
    one = make_house(slots=2)
    two = make_house(slots=2)
    job = one.job(node("a", "number"), node("b", "add", {"left": "a"}), max_concurrent_runs=4)
    runs = [one.manager.run_job(job) for _ in range(30)]
    finals = [one.final(run["id"]) for run in runs]
    assert {run["status"] for run in finals} == {"succeeded"}
    assert {run["attempt"] for run in finals} == {1}
    with one.database.read() as connection:
        assert {row["id"] for row in workers.registered(connection)} == {one.engine.worker.id, two.engine.worker.id}


def test_a_worker_that_stops_gives_its_run_back_and_another_goes_on(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    mark, release = tmp_path / "mark", tmp_path / "release"
    house = make_house(grace_seconds=0.2)
    run = house.run(
        node("first", "number"), node("a", "wait_for", {"before": "first"}, path=str(release), mark=str(mark)), wait=None
    )
    wait_until(mark.exists)
    house.engine.stop()
    found = house.manager.get_run(run["id"])
    assert (found["status"], found["crash_count"], by_node(found)["a"]["status"]) == ("queued", 0, "pending")
    release.touch()
    other = make_house()
    ended = other.final(run["id"])
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2)
    assert (by_node(ended)["first"]["attempt"], by_node(ended)["a"]["attempt"]) == (1, 2)
    house.engine.start(lambda _: None)  # for the fixture's own stop


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_however_often_it_is_hurried_a_stop_hands_every_run_back(make_house: MakeHouse, tmp_path: Path, wait_until: Any) -> None:
    marks = [tmp_path / f"mark_{n}" for n in range(4)]
    house = make_house(grace_seconds=600)
    runs = [hanging(house, mark) for mark in marks]
    wait_until(lambda: all(pid_in(mark) for mark in marks), 30)
    stopping = threading.Thread(target=house.engine.stop)
    stopping.start()
    while stopping.is_alive():
        house.engine.hurry()
    found = [house.manager.get_run(run["id"]) for run in runs]
    assert [(run["status"], run["crash_count"]) for run in found] == [("queued", 0)] * 4
    house.engine.start(lambda _: None)  # for the fixture's own stop


def test_a_cancel_from_another_process_is_heard(make_house: MakeHouse, tmp_path: Path, wait_until: Any) -> None:
    mark = tmp_path / "mark"
    house = make_house()
    run = hanging(house, mark)
    wait_until(lambda: pid_in(mark))
    other = PipelineManager(Database(house.settings.url), house.settings)
    other.cancel_run(run["id"])
    other.close()
    assert house.final(run["id"])["status"] == "cancelled"
    assert not psutil.pid_exists(pid_in(mark))


def test_a_worker_that_is_declared_dead_ends_its_processes_and_begins_anew(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any
) -> None:
    mark = tmp_path / "mark"
    house = make_house(beat_seconds=0.1, lease_seconds=1)
    run = hanging(house, mark)
    pid = wait_until(lambda: pid_in(mark))
    lost = house.engine.worker
    assert lost is not None
    mark.unlink()

    from app.store import rescues

    house.database.write(lambda connection: rescues.rescue(connection, lost.id, "for the test"))
    wait_until(lambda: not psutil.pid_exists(pid), what="the old process is gone")
    wait_until(lambda: pid_in(mark), 20, what="another attempt runs")
    found = house.manager.get_run(run["id"])
    assert (found["attempt"], found["crash_count"], found["status"]) == (2, 1, "running")
    assert found["worker"] not in (None, lost.id)
    house.manager.cancel_run(run["id"])
    assert house.final(run["id"])["status"] == "cancelled"


def test_a_dead_workers_run_is_taken_over_by_its_free_lock_file(make_house: MakeHouse, tmp_path: Path, wait_until: Any) -> None:
    house = make_house(reap_seconds=0.2)
    mark = tmp_path / "mark"
    script = tmp_path / "other.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.engine.conftest import House, node\n"
        "url, folder, mark = sys.argv[1:]\n"
        "house = House(url, Path(folder), slots=1).start()\n"
        "print(house.engine.worker.id, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    root = Path(__file__).parents[2]
    other = subprocess.Popen(
        [sys.executable, "-P", script, house.settings.url, str(tmp_path), str(mark)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    worker = other.stdout.readline().split()[-1]
    # The other one's slot is the only free one while this house is full.
    filler = [house.run(node("a", "hang", mark=str(tmp_path / f"fill{n}"), polite=True), wait=None) for n in range(5)]
    held = wait_until(lambda: [run for run in filler if house.manager.get_run(run["id"])["worker"] == worker], 20)
    other.send_signal(signal.SIGKILL)
    other.wait(10)
    wait_until(
        lambda: (
            house.manager.get_run(held[0]["id"])["status"] != "running"
            or house.manager.get_run(held[0]["id"])["worker"] != worker
        )
    )
    assert house.manager.get_run(held[0]["id"])["crash_count"] == 1
    for run in filler:
        house.manager.cancel_run(run["id"])
    assert {house.final(run["id"])["status"] for run in filler} <= {"cancelled", "succeeded"}
    other.stdout.close()
    assert other.stdin is not None
    other.stdin.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_waits_for_a_run_hears_of_another_process(make_house: MakeHouse) -> None:
    house = make_house()
    job = house.job(node("a", "number"))
    notebook = PipelineManager.open(house.settings.data_dir, database_url=house.settings.url)
    run = notebook.run_job(job, wait=30)
    assert run["status"] == "succeeded"
    assert notebook.get_job_status(job)["success_rate"] == 1.0
    notebook.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_cancels_that_race_the_end_of_runs_have_one_winner_and_hurt_nothing(make_house: MakeHouse) -> None:
    house = make_house(slots=4)
    job = house.job(node("a", "number"), max_concurrent_runs=4)

    def race(_: int) -> str:
        run = house.manager.run_job(job)
        with contextlib.suppress(Conflict):
            house.manager.cancel_run(run["id"])
        return str(house.final(run["id"])["status"])

    with ThreadPoolExecutor(6) as pool:
        endings = list(pool.map(race, range(150)))
    assert set(endings) <= {"succeeded", "cancelled"}
    assert house.run(node("a", "number"))["status"] == "succeeded"


def test_a_run_that_nobody_supervises_is_taken_up_again(make_house: MakeHouse, wait_until: Any) -> None:
    """As when a claim was committed and its answer never came."""
    house = make_house(poll_seconds=0.2)
    worker = house.engine.worker
    assert worker is not None
    wait_until(lambda: worker._versions, what="the worker knows its ops")
    job = house.job(node("a", "number"))
    house.manager.pause("job", job)
    run = house.manager.run_job(job)

    def claim_and_forget(connection: Any) -> Any:
        from app.store import claims, definitions

        definitions.pause(connection, "job", job, paused=False)
        return claims.claim(connection, worker.id, worker._versions, 1)

    assert house.database.write(claim_and_forget)
    ended = house.final(run["id"])
    assert (ended["status"], ended["attempt"], ended["crash_count"]) == ("succeeded", 2, 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_ends_after_the_database_was_away(
    make_house: MakeHouse, tmp_path: Path, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(poll_seconds=0.2)
    mark, release = tmp_path / "mark", tmp_path / "release"
    run = house.run(node("a", "wait_for", path=str(release), mark=str(mark)), wait=None)
    wait_until(mark.exists)
    refused = []

    def away(_: Any) -> Any:
        refused.append(1)
        raise Unavailable("for the test")

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "write", away)
        release.touch()
        wait_until(lambda: len(refused) > 3)
    ended = house.final(run["id"])
    assert (ended["status"], ended["attempt"]) == ("succeeded", 1)
