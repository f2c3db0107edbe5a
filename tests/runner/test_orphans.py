"""Whatever ends a worker, nothing that it started is alive a moment later."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.children import Child, ForkServer
from app.settings import Settings
from tests.runner.processes import group_of, is_alive, kill
from tests.runner.runs import Ran, execute, hear, node, send

ROOT = Path(__file__).parents[2]
AS_MODULE = ("-P", "-m", "tests.runner.parent")
AS_SCRIPT = (str(ROOT / "tests" / "runner" / "parent.py"),)

Start = Callable[..., dict[str, Any]]

# Each starts a forkserver of its own, with all its imports.
pytestmark = pytest.mark.slow


@pytest.fixture
def start(tmp_path: Path, wait_until: Callable[..., Any]) -> Iterator[Start]:
    """Starts a worker in a process of its own; what it tells."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: tuple[str, ...] = AS_MODULE, op: str = "") -> dict[str, Any]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, *command, str(tmp_path), op], env=environment, start_new_session=True)
        started.append(process)
        wait_until((tmp_path / "told").exists, timeout=60)
        told: dict[str, Any] = json.loads((tmp_path / "told").read_text())
        return {**told, "worker": process.pid}

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("command", [AS_MODULE, AS_SCRIPT], ids=["module", "script"])
def test_a_run_process_holds_nothing_of_the_service_however_that_was_started(start: Start, command: tuple[str, ...]) -> None:
    told = start(command)
    assert told["held"] == ["fastapi", "sqlalchemy"]
    assert "pandas" in told["modules"]
    assert not {"fastapi", "sqlalchemy"} & set(told["modules"])
    assert told["threads"] == 3


@pytest.mark.parametrize("op", ["waits", "spins_in_c", "leaves_a_grandchild", "leaves_a_daemon"])
def test_a_killed_worker_leaves_nothing_alive(start: Start, op: str, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    told = start(op=op)
    mark = tmp_path / "mark"
    wait_until(lambda: mark.exists() and (op in ("waits", "spins_in_c") or mark.read_text()))
    grandchildren = [int(mark.read_text())] if mark.read_text() else []
    assert all(is_alive(pid) for pid in (told["forkserver"], told["child"], *grandchildren))
    kill(told["worker"])
    wait_until(lambda: not any(map(is_alive, (told["forkserver"], told["child"], *grandchildren))))
    assert not group_of(told["child"])


def test_ctrl_c_on_the_terminal_reaches_the_worker_alone(start: Start) -> None:
    told = start(op="waits")
    groups = {name: os.getpgid(told[name]) for name in ("worker", "forkserver", "child")}
    assert len(set(groups.values())) == 3
    assert os.getsid(told["forkserver"]) != os.getsid(told["worker"])
    os.killpg(groups["worker"], signal.SIGINT)
    os.kill(told["forkserver"], signal.SIGINT)
    assert is_alive(told["forkserver"])


def test_a_run_process_ends_itself_when_nobody_else_can(start: Start, wait_until: Callable[..., Any]) -> None:
    told = start(op="waits")
    os.kill(told["forkserver"], signal.SIGSTOP)
    kill(told["worker"])
    wait_until(lambda: not is_alive(told["child"]))
    kill(told["forkserver"])


@pytest.mark.parametrize("op", ["waits", "spins_in_c", "leaves_a_grandchild"])
def test_nothing_outlives_its_forkserver(settings: Settings, op: str, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    forkserver = ForkServer.start(settings)
    try:
        child = Child.start(forkserver, 60)
        send(child, node("a", op, params={"mark": str(tmp_path / "mark")}))
        ran = hear(child, Ran(), lambda ran: ran.of("step_began"))
        wait_until((tmp_path / "mark").exists)
        assert forkserver.pid is not None
        kill(forkserver.pid)
        wait_until(lambda: not is_alive(child.pid))
        hear(child, ran, lambda ran: ran.exit)
        assert ran.exit is not None
        assert ran.exit.signal == signal.SIGKILL
        wait_until(lambda: not group_of(child.pid))
        child.close()
    finally:
        forkserver.stop()


def test_stopping_the_forkserver_ends_everything(settings: Settings, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    forkserver = ForkServer.start(settings)
    mark = tmp_path / "grandchild"
    child = Child.start(forkserver, 60)
    execute(child, node("a", "leaves_a_grandchild", params={"mark": str(mark)}))
    pid = forkserver.pid
    assert pid is not None
    forkserver.stop()
    wait_until(lambda: not any(map(is_alive, (pid, child.pid, int(mark.read_text())))))
    child.close()
