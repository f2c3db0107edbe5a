"""What must hold on both databases: six kinds of end, and a poison job beside healthy ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import House, by_node, node

MakeHouse = Callable[..., House]
pytestmark = pytest.mark.slow
KINDS = {
    "BaseException": (node("a", "raises", what="base"), "exception", "exception"),
    "SystemExit": (node("a", "raises", what="exit"), "exception", "exception"),
    "os._exit": (node("a", "ends", how="exit 7"), "crash_loop", "exit"),
    "segfault": (node("a", "ends", how="segv"), "crash_loop", "signal"),
    "an error that cannot be shown": (node("a", "raises", what="textless"), "exception", "exception"),
    "a result that cannot be stored": (node("a", "returns", what="lock"), "exception", "exception"),
}


def test_six_kinds_of_end_and_poison_beside_healthy_jobs(make_house: MakeHouse, tmp_path: Path, wait_until: Any) -> None:
    house = make_house(op_modules=("tests.faults.bad_ops",), slots=2)
    marks = {name: tmp_path / name for name in ("mark", "release")}
    steady = house.run(node("a", "steady", **{name: str(path) for name, path in marks.items()}), wait=None)
    wait_until(marks["mark"].exists)
    jobs = {kind: house.job(bad) for kind, (bad, _, _) in KINDS.items()}
    healthy = house.job(node("a", "good"), node("b", "good", {"before": "a"}))
    # One slot is left for all of these: every bad end stands before a healthy run.
    runs, good = {}, []
    for kind, job in jobs.items():
        runs[kind] = house.manager.run_job(job)["id"]
        good.append(house.manager.run_job(healthy)["id"])
    for kind, run_id in runs.items():
        _, run_reason, step_reason = KINDS[kind]
        run = house.final(run_id)
        step = by_node(run)["a"]
        assert (kind, run["status"], run["reason"]) == (kind, "failed", run_reason)
        assert (kind, step["status"], step["reason"]) == (kind, "failed", step_reason)
        assert (kind, run["crash_count"]) == (kind, 3 if run_reason == "crash_loop" else 0)
        assert run["error"]["message"]
    ended = [house.final(run_id) for run_id in good]
    assert {(run["status"], run["attempt"]) for run in ended} == {("succeeded", 1)}
    beside = house.manager.get_run(steady["id"])
    assert (beside["status"], beside["attempt"]) == ("running", 1)
    marks["release"].touch()
    assert house.final(steady["id"])["status"] == "succeeded"
    with house.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM slots WHERE run_id IS NOT NULL").scalar() == 0
