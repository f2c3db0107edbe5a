"""A run process ends in every way that there is; its worker hears how, and what was told before."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.engine.children import Child, ChildLost, ForkServer
from tests.runner.processes import environment_of, group_of, is_alive, kill
from tests.runner.runs import Ran, execute, hear, node, send


def test_an_exit_code_is_the_end_and_what_was_told_before_is_heard(child: Child) -> None:
    ran = execute(child, node("a", "one"), node("b", "exits", inputs={}, params={"code": 7}))
    assert (ran.exit.code, ran.exit.signal, ran.exit.sentence) == (7, None, "it ended with exit code 7")
    assert ran.of("step_began", "b")
    assert ran.output[-1] == "last words"


def test_the_last_event_before_a_sudden_end_is_not_lost(child: Child) -> None:
    chain = [node(f"n{number}", "plus_one", inputs={"number": f"n{number - 1}"}) for number in range(1, 10)]
    ran = execute(child, node("n0", "one"), *chain, node("end", "passes_on_and_exits", inputs={"data": "n9"}))
    assert len(ran.of("step_succeeded")) == 10
    assert ran.steps[-1] == ("began", "end")


@pytest.mark.parametrize(("op", "number"), [("crashes", signal.SIGSEGV), ("killed", signal.SIGKILL)])
def test_a_signal_is_told_by_its_name(child: Child, op: str, number: signal.Signals) -> None:
    ran = execute(child, node("a", op))
    assert (ran.exit.code, ran.exit.signal) == (None, number)
    assert number.name in ran.exit.sentence
    assert ran.of("step_began", "a")
    if number == signal.SIGSEGV:
        assert "in crashes" in "".join(ran.output)


def test_a_process_that_ignores_sigterm_is_killed(child: Child, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    mark = tmp_path / "mark"
    send(child, node("a", "stubborn", params={"mark": str(mark)}))
    ran = hear(child, Ran(), lambda ran: ran.of("step_began"))
    wait_until(mark.exists)
    child.terminate()
    assert child.receive(0.2).exit is None
    assert child.kill().signal == signal.SIGKILL
    assert not is_alive(child.pid)
    assert hear(child, ran, lambda ran: ran.exit).exit.signal == signal.SIGKILL


def test_sigterm_ends_a_process_that_does_not(child: Child, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    send(child, node("a", "waits", params={"mark": str(tmp_path / "mark")}))
    wait_until((tmp_path / "mark").exists)
    child.terminate()
    assert hear(child, Ran(), lambda ran: ran.exit).exit.signal == signal.SIGTERM


def test_it_can_be_killed_from_another_thread_while_it_is_listened_to(child: Child, tmp_path: Path) -> None:
    send(child, node("a", "waits", params={"mark": str(tmp_path / "mark")}))
    hear(child, Ran(), lambda ran: ran.of("step_began"))
    killer = threading.Thread(target=child.kill)
    killer.start()
    ran = hear(child, Ran(), lambda ran: ran.exit)
    killer.join()
    assert ran.exit.signal == signal.SIGKILL


@pytest.mark.parametrize("new_group", [False, True])
def test_a_grandchild_that_holds_the_pipes_does_not_delay_the_end(
    child: Child, tmp_path: Path, wait_until: Callable[..., Any], new_group: bool
) -> None:
    mark = tmp_path / "grandchild"
    ran = execute(child, node("a", "leaves_a_grandchild", params={"mark": str(mark), "code": 3, "new_group": new_group}))
    assert ran.exit.code == 3
    wait_until(lambda: not is_alive(int(mark.read_text())))


def test_killing_it_ends_what_it_started(child: Child, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    mark = tmp_path / "grandchild"
    execute(child, node("a", "leaves_a_grandchild", params={"mark": str(mark)}))
    grandchild = int(mark.read_text())
    assert set(group_of(child.pid)) == {child.pid, grandchild}
    child.kill()
    wait_until(lambda: not group_of(child.pid))


def test_its_memory_is_that_of_all_that_it_started(child: Child, tmp_path: Path) -> None:
    before = child.memory()
    mark = tmp_path / "grandchild"
    execute(child, node("a", "leaves_a_grandchild", params={"mark": str(mark), "new_group": True}))
    grandchild = psutil.Process(int(mark.read_text())).memory_full_info().pss
    assert child.memory() > before / 2 + grandchild / 2
    child.kill()
    assert child.memory() == 0


def test_what_was_printed_before_the_end_of_a_run_comes_with_it(child: Child) -> None:
    for _ in range(20):
        ran = execute(child, node("a", "logs"))
        assert "by print" in ran.output
        assert any("by bytes" in line for line in ran.output)


def test_output_of_a_program_that_an_op_runs_is_heard(child: Child) -> None:
    assert "from the program" in execute(child, node("a", "starts_a_program")).output


def test_a_wake_ends_the_wait(child: Child) -> None:
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        os.eventfd_write(wake, 1)
        received = child.receive(None, wake)
        assert received.woken
        assert os.eventfd_read(wake) == 1
        assert child.receive(0, wake) == ([], [], None, False)
    finally:
        os.close(wake)


def test_a_lost_process_takes_no_message(child: Child) -> None:
    kill(child.pid)
    assert child.receive(None).exit is not None
    with pytest.raises(ChildLost):
        child.send({"type": "end"})
    assert child.receive(0).exit is not None


def test_a_message_to_a_process_that_does_not_listen_does_not_block(child: Child) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    try:
        for number in range(5):
            child.send({"type": "reply", "id": number, "result": "x" * 2**20})
        assert child.receive(0.05).exit is None
    finally:
        os.kill(child.pid, signal.SIGCONT)
    assert execute(child, node("a", "one")).value("a") == 1


def test_a_process_that_closes_its_stream_is_ended(child: Child) -> None:
    ran = execute(child, node("a", "closes_everything"))
    assert ran.exit.signal == signal.SIGKILL


def test_a_fresh_process_is_lean(child: Child, forkserver: ForkServer) -> None:
    facts = execute(child, node("a", "looks_around")).value("a")
    assert "pandas" in facts["modules"]
    assert not {"fastapi", "sqlalchemy", "uvicorn", "apscheduler", "app.store", "app.engine"} & set(facts["modules"])
    # The main thread, the one that hears the worker, the one that rings for it.
    assert facts["threads"] == 3
    assert facts["group"] == facts["pid"] == child.pid
    assert psutil.Process(child.pid).ppid() == forkserver.pid


def test_it_knows_no_secret(forkserver: ForkServer, child: Child, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for pid in (forkserver.pid, child.pid):
        shown = environment_of(pid)
        assert shown["OPENBELL_DATA_DIR"].startswith("/")
        assert "tests.runner.sample_ops" in shown["OPENBELL_OP_MODULES"]
        assert not {"OPENBELL_DATABASE_URL", "OPENBELL_ADMIN_KEY", "OPENBELL_RQDATAC_URI"} & set(shown)


def test_every_process_draws_its_own_random_numbers(forkserver: ForkServer) -> None:
    drawn = set()
    for _ in range(2):
        child = Child.start(forkserver, 10)
        drawn.add(execute(child, node("a", "draws")).value("a"))
        child.close()
    assert len(drawn) == 2


def test_a_flood_of_log_lines_is_cut_with_a_mark_while_nobody_listens(
    child: Child, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    mark = tmp_path / "mark"
    send(child, node("a", "floods", params={"lines": 20_000, "mark": str(mark)}))
    # Nobody reads until the op has told all of it.
    wait_until(mark.exists, timeout=60)
    ran = hear(child, Ran(), lambda ran: ran.of("run_ended"))
    lines = [event for event in ran.of("log") if event["message"] == "flood"]
    cut = sum(event["fields"]["cut"] for event in ran.of("log") if "left out here" in event["message"])
    assert len(lines) + cut == 20_000
    assert cut > 0


def test_a_flood_of_log_lines_is_heard_whole_by_who_listens(child: Child) -> None:
    ran = execute(child, node("a", "floods", params={"lines": 2_000}))
    assert [event["fields"]["number"] for event in ran.of("log")] == list(range(2_000))
