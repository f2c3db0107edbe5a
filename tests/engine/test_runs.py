"""What a run does from its acceptance to its end, in a real process."""

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.conftest import House, by_node, node


def chain(length: int = 5) -> list[dict[str, Any]]:
    first = node("n0", "number")
    return [first, *(node(f"n{i}", "add", {"left": f"n{i - 1}"}) for i in range(1, length))]


def test_a_chain_runs_in_order_and_every_step_is_written_down(house: House) -> None:
    run = house.run(*chain())
    assert (run["status"], run["reason"], run["attempt"], run["failures"]) == ("succeeded", None, 1, 0)
    assert [step["status"] for step in run["steps"]] == ["succeeded"] * 5
    begun = [step["started_at"] for step in run["steps"]]
    assert begun == sorted(begun)
    assert run["duration"] >= sum(step["duration"] for step in run["steps"]) * 0.5
    assert set(run["steps"][4]["metrics"]) >= {"record_count", "processing_time", "memory_usage", "data_quality_score"}
    assert run["steps"][4]["outputs"]["result"]["value"] == 1


def test_a_failed_branch_stops_nothing_else_and_what_follows_it_says_why(house: House) -> None:
    run = house.run(
        node("bad", "fail", message="broken pipe"),
        node("after", "add", {"left": "bad"}),
        node("good", "number", value=3),
        node("sum", "add", {"left": "good"}),
    )
    steps = by_node(run)
    assert {name: step["status"] for name, step in steps.items()} == {
        "bad": "failed", "after": "skipped", "good": "succeeded", "sum": "succeeded",
    }  # fmt: skip
    assert (run["status"], run["reason"], run["error"]["node"], run["error"]["message"]) == (
        "failed",
        "exception",
        "bad",
        "broken pipe",
    )
    assert steps["bad"]["error"]["type"] == "ValueError"
    assert "bad" in steps["after"]["error"]["message"]


def test_an_output_that_is_left_out_skips_its_consumers_and_an_optional_input_does_without(house: House) -> None:
    run = house.run(
        node("split", "split", left=True, right=False),
        node("taken", "add", {"left": "split.left"}),
        node("left_out", "add", {"left": "split.right"}),
        node("both", "add", {"left": "taken", "right": "left_out"}),
    )
    steps = by_node(run)
    assert (run["status"], steps["left_out"]["status"], steps["left_out"]["reason"]) == ("succeeded", "skipped", "missing_input")
    assert steps["both"]["outputs"]["result"]["value"] == 1


def test_branches_run_at_the_same_time(house: House, tmp_path: Path) -> None:
    # Each waits for the other's mark: one after the other would never end.
    marks = [str(tmp_path / name) for name in ("x", "y")]
    run = house.run(
        node("x", "wait_for", path=marks[1], mark=marks[0]),
        node("y", "wait_for", path=marks[0], mark=marks[1]),
    )
    assert run["status"] == "succeeded"


def test_a_step_is_tried_again_at_once_or_later_and_every_attempt_is_kept(house: House, tmp_path: Path) -> None:
    at_once, later = tmp_path / "once", tmp_path / "later"
    at_once.mkdir()
    later.mkdir()
    run = house.run(node("a", "fail_until", folder=str(at_once), times=2, retry={"max_retries": 2}))
    assert (run["status"], run["attempt"], run["steps"][0]["attempt"]) == ("succeeded", 1, 3)
    run = house.run(node("a", "fail_until", folder=str(later), times=1, retry={"max_retries": 1, "delay": 0.2}))
    assert (run["status"], run["attempt"], run["steps"][0]["attempt"], run["crash_count"]) == ("succeeded", 2, 2, 0)


def test_an_ops_own_retry_policy_counts_and_ends(house: House, tmp_path: Path) -> None:
    run = house.run(node("a", "touchy", folder=str(tmp_path), times=9))
    assert (run["status"], run["steps"][0]["attempt"], len(list(tmp_path.iterdir()))) == ("failed", 3, 3)


def test_a_step_that_takes_too_long_is_ended_and_what_ran_beside_it_begins_again(house: House, tmp_path: Path) -> None:
    release = tmp_path / "release"
    run = house.run(
        node("slow", "hang", mark=str(tmp_path / "slow"), timeout_seconds=0.3),
        node("beside", "wait_for", path=str(release), mark=str(tmp_path / "beside")),
        wait=None,
    )
    release_when_tried_again(house, run["id"], release)
    run = house.final(run["id"])
    steps = by_node(run)
    assert (run["status"], run["reason"], run["crash_count"]) == ("failed", "timeout", 0)
    assert (steps["slow"]["status"], steps["slow"]["reason"]) == ("failed", "timeout")
    assert (steps["beside"]["status"], steps["beside"]["attempt"]) == ("succeeded", 2)


def release_when_tried_again(house: House, run_id: str, release: Path) -> None:
    while by_node(house.manager.get_run(run_id))["slow"]["status"] != "failed":
        house.manager.wait_run(run_id, 0.05)
    release.touch()


def test_a_run_that_takes_too_long_fails_even_when_its_op_is_deaf(house: House, tmp_path: Path) -> None:
    mark = tmp_path / "deaf"
    run = house.run(node("a", "hang", mark=str(mark), deaf=True), timeout_seconds=0.3)
    assert (run["status"], run["reason"]) == ("failed", "timeout")
    assert not psutil.pid_exists(int(mark.read_text()))


@pytest.mark.parametrize("polite", [True, False])
def test_a_running_run_is_cancelled_and_its_process_goes(house: House, tmp_path: Path, polite: bool, wait_until: Any) -> None:
    mark = tmp_path / "hanging"
    run = house.run(
        node("a", "hang", mark=str(mark), polite=polite), node("b", "add", {"left": "c"}), node("c", "number"), wait=None
    )
    wait_until(lambda: mark.exists() and mark.read_text())
    house.manager.cancel_run(run["id"])
    run = house.final(run["id"])
    steps = by_node(run)
    assert (run["status"], steps["a"]["status"], steps["a"]["reason"]) == ("cancelled", "cancelled", "cancelled")
    if not polite:
        assert not psutil.pid_exists(int(mark.read_text()))


@pytest.mark.parametrize("how", ["exit", "segv", "kill"])
def test_a_run_whose_process_dies_begins_again_and_the_third_time_fails(house: House, tmp_path: Path, how: str) -> None:
    run = house.run(node("a", "die", how=how, once=str(tmp_path / "once")))
    assert (run["status"], run["attempt"], run["crash_count"]) == ("succeeded", 2, 1)
    run = house.run(node("first", "number"), node("a", "die", {"after": "first"}, how=how), node("b", "add", {"left": "a"}))
    steps = by_node(run)
    assert (run["status"], run["reason"], run["crash_count"], run["attempt"]) == ("failed", "crash_loop", 3, 3)
    assert (steps["first"]["status"], steps["first"]["attempt"]) == ("succeeded", 1)
    assert (steps["a"]["status"], steps["a"]["reason"]) == ("failed", "exit" if how == "exit" else "signal")
    log = [json.loads(line)["message"] for line in house.log(run).splitlines()]
    ended = "The run's process was lost: it " + ("ended with exit code 7" if how == "exit" else "was ended by SIG")
    assert run["error"]["message"].startswith(f"The run's process was lost 3 times. The last time: {ended}")
    begun = [line for line in log if line.startswith("Attempt ")]
    assert [line.partition(" ended: ")[0] for line in begun] == [f"Attempt {n} of the run. Attempt {n - 1}" for n in (2, 3)]
    assert all(ended in line and line.endswith("Taken over as finished: first.") for line in begun)


def test_a_run_over_its_memory_limit_is_ended_and_says_so(house: House, tmp_path: Path) -> None:
    run = house.run(node("a", "grow", megabytes=400, mark=str(tmp_path / "m")), memory_limit_bytes=300 * 2**20)
    assert (run["status"], run["reason"]) == ("failed", "oom")
    assert "MiB" in run["error"]["message"]


def test_what_an_op_logs_and_prints_is_in_the_runs_log(house: House) -> None:
    run = house.run(node("a", "chatter", lines=3))
    log = house.log(run)
    assert log.count('"message":"line"') == 3
    assert '"message":"printed"' in log
    assert '"node":"a"' in log


def test_a_retry_by_hand_takes_over_what_succeeded(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "tries"
    folder.mkdir()
    old = house.run(
        node("a", "number", value=5),
        node("b", "fail_until", folder=str(folder), times=1),
        node("c", "add", {"left": "a", "right": "b"}),
    )
    assert old["status"] == "failed"
    new, replayed = house.manager.retry_run(old["id"])
    assert (new["retry_of"], replayed, new["cause"]) == (old["id"], False, {"type": "retry", "name": old["id"]})
    new = house.final(new["id"])
    steps = by_node(new)
    assert new["status"] == "succeeded"
    assert steps["a"]["started_at"] == by_node(old)["a"]["started_at"]
    assert steps["c"]["outputs"]["result"]["value"] == 6


def test_one_job_runs_once_at_a_time_and_another_beside_it(house: House, tmp_path: Path, wait_until: Any) -> None:
    release = str(tmp_path / "release")
    marks = [tmp_path / name for name in ("one", "two")]
    house.manager.register_pipeline(
        {
            "name": "held",
            "params": {"mark": {"type": "string"}},
            "nodes": [{"id": "a", "op": "wait_for", "params": {"path": release, "mark": "${params.mark}"}}],
        }
    )
    house.manager.register_job("held", {"pipeline": "held"})
    runs = [house.manager.run_job("held", mark=str(mark)) for mark in marks]
    wait_until(marks[0].exists)
    assert house.run(node("a", "number"))["status"] == "succeeded"
    assert not marks[1].exists()
    assert house.manager.queue()["jobs"][0]["job"] == "held"
    Path(release).touch()
    assert [house.final(run["id"])["status"] for run in runs] == ["succeeded", "succeeded"]


def test_the_run_process_is_not_this_one_and_is_used_again(house: House, tmp_path: Path) -> None:
    pids = set()
    for name in ("a", "b"):
        mark = tmp_path / name
        run = house.run(node("a", "hang", mark=str(mark), polite=True), wait=None)
        while not (mark.exists() and mark.read_text()):
            house.manager.wait_run(run["id"], 0.01)
        house.manager.cancel_run(run["id"])
        house.final(run["id"])
        pids.add(int(mark.read_text()))
    assert os.getpid() not in pids


def test_a_secret_reaches_its_op_and_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_SECRET_TOKEN", "canary-value")
    nodes = {"nodes": [{"id": "a", "op": "measure", "params": {"text": "${params.token}"}}]}
    token = {"token": {"type": "string", "secret": True}}
    house.manager.register_pipeline({"name": "secretive", "params": token, **nodes})
    house.manager.register_job("secretive", {"pipeline": "secretive"})
    run = house.final(house.manager.run_job("secretive", token={"$secret": "token"})["id"])
    assert run["steps"][0]["outputs"]["result"]["value"] == len("canary-value")
    assert "canary" not in str(run)
    monkeypatch.delenv("OPENBELL_SECRET_TOKEN")
    run = house.final(house.manager.run_job("secretive", token={"$secret": "token"})["id"])
    assert (run["status"], run["crash_count"]) == ("failed", 0)
    assert "OPENBELL_SECRET_TOKEN" in run["error"]["message"]


def test_a_failed_run_says_why_in_its_log(house: House) -> None:
    run = house.run(node("a", "fail", message="no such column"), node("b", "add", {"left": "a"}))
    log = house.log(run)
    assert "step failed: ValueError: no such column" in log
    assert "Traceback" in log
    assert "step skipped" in log


def test_a_queued_run_says_what_it_waits_for(house: House, tmp_path: Path, wait_until: Any) -> None:
    mark = tmp_path / "mark"
    job = house.job(node("a", "hang", mark=str(mark), polite=True))
    running = house.manager.run_job(job)
    wait_until(mark.exists)
    assert house.manager.get_run(running["id"])["waiting_for"] is None
    behind = house.manager.run_job(job)
    assert house.manager.get_run(behind["id"])["waiting_for"] == "the job's max_concurrent_runs (1) is reached"
    house.manager.pause("job", job)
    assert house.manager.get_run(behind["id"])["waiting_for"] == f"the job '{job}' is paused"
    for run in (behind, running):
        house.manager.cancel_run(run["id"])
        house.final(run["id"])
