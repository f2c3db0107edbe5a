"""The forkserver keeps what it must not pass on, and goes on after whatever an import does to it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.engine import forkserver as engine_forkserver
from app.engine.children import Child, ForkServer, QueryChild
from app.engine.environment import environment
from app.errors import Unavailable
from app.settings import Settings
from tests.runner.processes import environment_of, kill
from tests.runner.runs import execute, node

ALLOWED = {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH"}
Serve = Callable[..., ForkServer]

# Each starts a forkserver of its own, with all its imports.
pytestmark = pytest.mark.slow


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a forkserver over modules with this source."""
    started: list[ForkServer] = []
    monkeypatch.syspath_prepend(tmp_path)

    def serve(*sources: str, **settings: Any) -> ForkServer:
        names = []
        for number, source in enumerate(sources):
            (tmp_path / f"their_ops_{number}.py").write_text(source)
            names.append(f"their_ops_{number}")
        started.append(ForkServer.start(Settings(data_dir=tmp_path, op_modules=tuple(names), **settings)))
        return started[-1]

    yield serve
    for server in started:
        server.stop()


def test_its_environment_is_a_list_of_what_passes(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MY_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "sesame")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    secrets = {"admin_key": SecretStr("sesame"), "rqdatac_uri": SecretStr("tcp://user:sesame@host")}
    server = serve(database_url="postgresql://user:sesame@host/name", files_path="bars/*.parquet", source="files", **secrets)
    child = Child.start(server, 60)
    try:
        for pid in (server.pid, child.pid):
            assert pid is not None
            shown = environment_of(pid)
            assert "sesame" not in repr(shown)
            ours = {name for name in shown if name.startswith(("OPENBELL_", "_OPENBELL_"))}
            assert {"OPENBELL_DATA_DIR", "OPENBELL_SOURCE", "OPENBELL_SLOTS"} <= ours
            assert {name for name in set(shown) - ours if not name.startswith(("LC_", "OPENBLAS_", "OMP_", "MKL_"))} <= ALLOWED
            assert shown["LC_ALL"] == "C.UTF-8"
            assert shown["OPENBELL_FILES_PATH"] == str(tmp_path / "bars/*.parquet")
    finally:
        child.close()


def test_it_ends_in_order_after_a_worker_that_never_read_what_it_said(tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        start = json.dumps([theirs.fileno(), os.getpid(), sys.path, {}])
        command = [sys.executable, "-P", "-c", engine_forkserver._CODE, start]
        process = subprocess.Popen(command, env=environment(Settings(data_dir=tmp_path)), pass_fds=[theirs.fileno()])
        # Looked at, and left unread: an empty line says that it serves.
        wait_until(lambda: ours.recv(4096, socket.MSG_PEEK).endswith(b"\n\n"), 60)
    assert process.wait(10) == 0


def test_a_child_has_the_workers_settings_and_not_those_of_a_file(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OPENBELL_SLOTS=9\nOPENBELL_ADMIN_KEY=sesame\n")
    source = """
from app.definitions import op
@op
def shows(context) -> list:
    key = context.settings.admin_key
    return [context.settings.slots, str(context.settings.history_start), key and key.get_secret_value()]
"""
    child = Child.start(serve(source, slots=3, history_start="2024-01-02"), 60)
    assert execute(child, node("a", "shows")).value("a") == [3, "2024-01-02", None]
    child.close()


def test_a_broken_module_is_described_and_all_else_works(queries: QueryChild, child: Child) -> None:
    catalogue = queries.describe()
    broken = {module.module: module for module in catalogue.broken}
    assert "RuntimeError: this module is broken" in broken["tests.runner.broken_ops"].error
    assert 'raise RuntimeError("this module is broken")' in broken["tests.runner.broken_ops"].traceback
    assert "No module named" in broken["tests.runner.no_such_module"].error
    assert catalogue.op("half_registered") is None
    assert catalogue.op("plus_one") is not None
    assert catalogue.op("plus_one_op") == catalogue.op("plus_one")
    assert {"doubled", "table"} <= {query.name for query in catalogue.queries}
    assert execute(child, node("a", "half_registered")).one("step_failed")["reason"] == "unknown_op"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        ("import app.definitions\napp.definitions.op(lambda *x: 1)", "TypeError"),
        ("raise type('Odd', (BaseException,), {'__str__': lambda self: 1 / 0})", "Odd"),
    ],
)
def test_nothing_that_an_import_raises_stops_the_others(serve: Serve, source: str, error: str) -> None:
    queries = QueryChild(serve(source, "from app.definitions import op\n@op\ndef fine() -> int: return 1"))
    catalogue = queries.describe()
    assert error in {module.module: module.error for module in catalogue.broken}["their_ops_0"]
    assert catalogue.op("fine") is not None
    queries.close()


@pytest.mark.parametrize(
    ("source", "how"), [("import os; os._exit(5)", "exit code 5"), ("import ctypes; ctypes.string_at(0)", "signal SIGSEGV")]
)
def test_an_import_that_ends_the_process_is_blamed_and_left_out(serve: Serve, source: str, how: str) -> None:
    server = serve(source, "from app.definitions import op\n@op\ndef fine() -> int: return 1")
    queries = QueryChild(server)
    catalogue = queries.describe()
    assert how in {module.module: module.error for module in catalogue.broken}["their_ops_0"]
    assert catalogue.op("fine") is not None
    queries.close()


def test_an_import_that_hangs_is_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_forkserver, "_STRIKES", 1)
    monkeypatch.setattr(engine_forkserver, "IMPORT_SECONDS", 10)
    queries = QueryChild(serve("import threading; threading.Event().wait()"))
    assert "took longer than 10 s" in {module.module: module.error for module in queries.describe().broken}["their_ops_0"]
    queries.close()


def test_a_killed_forkserver_is_started_again(serve: Serve) -> None:
    server = serve()
    Child.start(server, 60).close()
    first = server.pid
    assert first is not None
    kill(first)
    child = Child.start(server, 60)
    assert server.pid != first
    assert execute(child, node("a", "load_nothing")).one("step_failed")["reason"] == "unknown_op"
    child.close()


def test_who_asks_before_the_imports_are_done_is_told_so(serve: Serve) -> None:
    server = serve("import threading; threading.Event().wait()")
    with pytest.raises(Unavailable, match="still being imported"):
        Child.start(server, 0.1)


def test_who_asks_after_the_stop_is_told_so(serve: Serve) -> None:
    server = serve()
    server.stop()
    with pytest.raises(Unavailable, match="stopped"):
        Child.start(server, 60)
