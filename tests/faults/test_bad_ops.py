"""Each bad op ends in a typed, readable failure; the run beside it, the service and the next run do not notice."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.conftest import House, by_node, node
from tests.faults.alive import executes
from tests.faults.beside import Beside, beside

__all__ = ["beside"]


@pytest.fixture
def house(bad_house: House, tmp_path: Path) -> Iterator[House]:
    """The engine, and the proof that it was left whole: its next run succeeds."""
    yield bad_house
    run = bad_house.run(node("a", "good"))
    assert run["status"] == "succeeded"


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("base", "BaseException", "beyond Exception"),
        ("exit", "SystemExit", "0"),
        ("interrupt", "KeyboardInterrupt", ""),
        ("generator", "GeneratorExit", ""),
        ("huge", "ValueError", "characters left out"),
        ("surrogates", "ValueError", "\\ud800\\udfff and \\x00"),
        ("textless", "Textless", "whose text raises SystemExit"),
        ("chained", "ValueError", "1999"),
        ("group", "ExceptionGroup", "many"),
        ("recursion", "RecursionError", "maximum recursion depth"),
        ("recursion_in_c", "RecursionError", "maximum recursion depth"),
    ],
)
def test_whatever_an_op_raises_is_its_steps_failure_in_words(house: House, what: str, kind: str, message: str) -> None:
    run = house.run(node("a", "raises", what=what), node("b", "good"))
    steps = by_node(run)
    assert (run["status"], run["reason"], run["crash_count"]) == ("failed", "exception", 0)
    assert (steps["a"]["reason"], steps["a"]["error"]["type"]) == ("exception", kind)
    assert message in steps["a"]["error"]["message"]
    assert "Traceback" in steps["a"]["error"]["traceback"] or "cannot be shown" in steps["a"]["error"]["traceback"]
    assert len(json.dumps(run)) < 100_000
    assert steps["b"]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("lock", "_thread.lock has no JSON form"),
        ("endless", "not JSON"),
        ("too_large", "70,002 bytes as JSON; a value may have 65,536"),
        ("nan", "cannot be stored as JSON"),
        ("bytes", ""),
        ("deep", ""),
    ],
)
def test_what_cannot_be_stored_fails_the_step_that_returned_it(house: House, what: str, message: str) -> None:
    run = house.run(node("a", "returns", what=what))
    assert (run["status"], run["reason"], run["crash_count"]) == ("failed", "exception", 0)
    assert "output 'result' of op 'returns'" in run["error"]["message"]
    assert message in run["error"]["message"]


@pytest.mark.parametrize(
    ("how", "reason", "sentence"),
    [
        ("exit 0", "exit", "it ended with exit code 0"),
        ("exit 7", "exit", "it ended with exit code 7"),
        ("segv", "signal", "it was ended by SIGSEGV"),
        ("abort", "signal", "it was ended by SIGABRT"),
        ("kill", "signal", "it was ended by SIGKILL, as the kernel does when memory runs out"),
    ],
)
def test_a_process_that_ends_unasked_is_told_by_its_end_and_nobody_else_notices(
    house: House, beside: Beside, how: str, reason: str, sentence: str
) -> None:
    with beside(house) as other:
        run = house.run(node("a", "ends", how=how))
        assert other.goes_on()
    steps = by_node(run)
    assert (run["status"], run["reason"], run["crash_count"], run["attempt"]) == ("failed", "crash_loop", 3, 3)
    assert (steps["a"]["status"], steps["a"]["reason"], steps["a"]["attempt"]) == ("failed", reason, 3)
    assert steps["a"]["error"]["message"] == f"The run's process was lost: {sentence}."
    lost = f"The run's process was lost 3 times. The last time: The run's process was lost: {sentence}."
    assert run["error"]["message"].startswith(lost)
    said = [json.loads(line) for line in house.log(run).splitlines()]
    assert [line["message"] for line in said if line["level"] == "error"] == [f"The run's process was lost: {sentence}."] * 3


def test_an_op_that_hangs_and_is_deaf_is_killed_when_its_time_is_up(house: House, beside: Beside, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with beside(house) as other:
        run = house.run(node("a", "hangs", mark=str(mark), deaf=True, timeout_seconds=0.2))
        assert other.goes_on()
    steps = by_node(run)
    assert (run["status"], run["reason"], steps["a"]["reason"]) == ("failed", "timeout", "timeout")
    assert steps["a"]["error"]["message"] == "a took longer than 0.2 s."
    log = house.log(run)
    assert log.index("SIGTERM to the process") < log.index("The process did not end: SIGKILL.")
    assert not executes(int(mark.read_text()))


@pytest.mark.parametrize("how", ["own", "child"])
def test_an_op_that_takes_memory_without_end_fails_with_what_it_took(
    house: House, beside: Beside, tmp_path: Path, how: str
) -> None:
    limit = 400 * 2**20
    mark = tmp_path / "mark"
    with beside(house) as other:
        run = house.run(node("a", "grows", how=how, mark=str(mark)), memory_limit_bytes=limit)
        assert other.goes_on()
    step = by_node(run)["a"]
    assert (run["status"], run["reason"], step["reason"], run["crash_count"]) == ("failed", "oom", "oom", 0)
    assert step["error"]["message"].endswith("its limit is 400 MiB.")
    assert limit < step["metrics"]["memory_usage"] < 3 * limit
    if how == "child":
        assert not executes(int(mark.read_text()))


@pytest.mark.parametrize("then", ["", "exit 3", "hang"])
@pytest.mark.parametrize("how", ["fork", "session", "daemon", "daemon without environment"])
def test_what_an_op_leaves_running_is_ended_with_it(house: House, tmp_path: Path, how: str, then: str, wait_until: Any) -> None:
    mark = tmp_path / "mark"
    timeout = {"timeout_seconds": 0.5} if then == "hang" else {}
    run = house.run(node("a", "leaves", how=how, mark=str(mark), then=then, **timeout))
    assert run["status"] == ("failed" if then else "succeeded")
    pid = int(mark.read_text())
    # After a good end it goes with its process, which is ended then; after a bad one it is gone before the run is told of.
    if then and how != "daemon without environment":
        assert not executes(pid)
    wait_until(lambda: not executes(pid))


@pytest.mark.parametrize("where", ["log", "1", "2"])
def test_a_flood_is_cut_with_a_word_and_the_service_stays_small(house: House, beside: Beside, where: str) -> None:
    service = psutil.Process(os.getpid())
    house.run(node("a", "floods", where=where, megabytes=8))
    before = service.memory_info().rss
    with beside(house) as other:
        run = house.run(node("a", "floods", where=where, megabytes=100), wait=120)
        assert other.goes_on()
    assert run["status"] == "succeeded"
    assert service.memory_info().rss - before < 24 * 2**20
    (log,) = (house.settings.data_dir / "logs").rglob(f"{run['id']}.*")
    assert log.stat().st_size <= 32 * 2**20 + 200
    assert "The log is cut here: it reached 32 MiB." in log.read_text()[-300:]


@pytest.mark.parametrize("how", ["garbage", "half", "length", "json", "event", "keyless", "binary", "closed"])
def test_an_op_that_writes_into_our_pipes_or_closes_them_loses_its_process(house: House, beside: Beside, how: str) -> None:
    with beside(house) as other:
        run = house.run(node("a", "spoils_descriptors", how=how))
        assert other.goes_on()
    step = by_node(run)["a"]
    assert (run["status"], run["reason"], step["status"], step["reason"]) == ("failed", "crash_loop", "failed", "signal")
    if how == "closed":
        assert "an op closed its descriptors" in house.log(run)
    else:
        sentence = "it was ended because an op wrote into the stream that its events go over"
        assert step["error"]["message"] == f"The run's process was lost: {sentence}."


def test_an_op_that_closes_its_standard_streams_ends_well_and_its_process_with_it(house: House) -> None:
    run = house.run(node("a", "spoils_descriptors", how="standard"), node("b", "good", {"before": "a"}))
    assert run["status"] == "succeeded"
    assert "its standard streams. This process is not used again" in house.log(run)


PUT_BACK = ["environment", "folder", "umask", "handlers", "alarm", "soft limit"]
NOT_PUT_BACK = ["hard limit", "standard output", "print", "thread"]


@pytest.mark.parametrize("what", PUT_BACK + NOT_PUT_BACK)
def test_what_an_op_changed_of_its_process_no_other_run_meets(house: House, tmp_path: Path, what: str) -> None:
    fresh = house.run(node("a", "standing"))["steps"][0]["outputs"]["result"]["value"]
    changed = house.run(node("a", "changes", what=what, folder=str(tmp_path)))
    after = house.run(node("a", "standing"))["steps"][0]["outputs"]["result"]["value"]
    assert changed["status"] == "succeeded"
    assert {**after, "pid": 0} == {**fresh, "pid": 0}
    same = after["pid"] == changed["steps"][0]["outputs"]["result"]["value"]
    assert same == (what in PUT_BACK), "what can be put back costs no process"
