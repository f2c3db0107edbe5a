"""SQLite without room, locked by another, or with a reader that stays: nothing accepted is lost, reads are answered."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.store.database import Connection, Database
from tests.acceptance.jobs import MODULES
from tests.service import RunningService

FREE_BYTES = 2 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def stop_before_unmount(small_disk: Path) -> Iterator[list[RunningService]]:
    """Services on the small disk, which keep it busy; it is emptied first, so that they can end."""
    running: list[RunningService] = []
    yield running
    empty(small_disk)
    for service in running:
        service.end_if_running()


def fill_up(folder: Path) -> None:
    with (folder / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def empty(folder: Path) -> None:
    for file in folder.glob("filling*"):
        file.unlink()


def job(service: RunningService, name: str, op: str, **params: Any) -> None:
    nodes = [{"id": "a", "op": op, "params": params}]
    service.http.post("/api/v1/pipelines", json={"name": name, "nodes": nodes}).raise_for_status()
    service.http.post("/api/v1/jobs", json={"name": f"{name}_job", "pipeline": name}).raise_for_status()


@pytest.mark.slow
def test_a_full_disk_lets_no_run_begin_loses_none_and_answers_reads(
    small_disk: Path,
    stop_before_unmount: list[RunningService],
    start_service: Callable[..., RunningService],
    wait_until: Callable[..., Any],
) -> None:
    modules = f"{MODULES},tests.faults.disk_ops"
    service = start_service(folder=small_disk, op_modules=modules, free_bytes=FREE_BYTES, poll_seconds=0.2, grace_seconds=1)
    stop_before_unmount.append(service)
    job(service, "plain", "answer")
    job(service, "greedy", "fill", file=str(small_disk / "filling-op"))
    ballast = service.data_dir / "ballast"
    wait_until(ballast.exists)

    greedy = service.http.post("/api/v1/jobs/greedy_job/runs?wait=60", json={}).json()
    assert (greedy["status"], greedy["reason"]) == ("failed", "disk_full"), greedy

    waiting = service.http.post("/api/v1/jobs/plain_job/runs", json={})
    accepted = [waiting.json()["id"]] if waiting.status_code == 202 else []
    assert "room on the disk" in service.http.get("/api/v1/queue").json()["waiting_for"]
    assert service.http.get("/readyz").json()["checks"]["disk"] is False
    while (answer := service.http.post("/api/v1/jobs/plain_job/runs", json={})).status_code == 202:
        accepted.append(answer.json()["id"])
        fill_up(small_disk)
    assert (answer.status_code, answer.json()["code"]) == (503, "disk_full"), answer.text
    assert answer.json()["hint"]
    for run in accepted:
        shown = service.http.get(f"/api/v1/runs/{run}").json()
        assert shown["status"] == "queued"
        assert shown["waiting_for"].startswith("room on the disk") or len(accepted) > 1
    assert service.http.get("/api/v1/runs").status_code == 200

    empty(small_disk)
    for run in accepted:
        assert service.http.get(f"/api/v1/runs/{run}?wait=60").json()["status"] == "succeeded"
    wait_until(ballast.exists)
    assert service.http.post("/api/v1/jobs/plain_job/runs?wait=60", json={}).json()["status"] == "succeeded"


HOLDER = """
import sys, time
from app.store import sqlite
connection = sqlite.module().connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


def write_one(connection: Connection) -> None:
    connection.execute(text("INSERT INTO n VALUES (1)"))


def test_another_process_that_holds_the_file_is_waited_for(tmp_path: Path) -> None:
    """Through a pipe the holder is told to let go only once every writer waits for it."""
    file = tmp_path / "openbell.db"
    databases = [Database(f"sqlite:///{file}") for _ in range(3)]
    databases[0].write(lambda connection: connection.execute(text("CREATE TABLE n (value INTEGER)")))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder, holder.stdin:
        assert holder.stdout.readline() == b"held\n"
        writing = [threading.Thread(target=database.write, args=(write_one,)) for database in databases for _ in range(5)]
        for thread in writing:
            thread.start()
        with databases[0].read() as connection:
            assert connection.execute(text("SELECT count(*) FROM n")).scalar() == 0, "who reads waits for nobody"
        assert all(thread.is_alive() for thread in writing)
    for thread in writing:
        thread.join(30)
    with databases[0].read() as connection:
        assert connection.execute(text("SELECT count(*) FROM n")).scalar() == len(writing)
    for database in databases:
        database.close()


def test_the_log_that_grew_under_a_reader_is_cut_once_it_is_gone(tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    database = Database(f"sqlite:///{tmp_path / 'openbell.db'}")
    database.write(lambda connection: connection.execute(text("CREATE TABLE n (value BLOB)")))
    log = tmp_path / "openbell.db-wal"
    with database.read() as reader:
        reader.execute(text("SELECT count(*) FROM n")).scalar()
        while log.stat().st_size < 20 * 2**20:
            database.write(lambda connection: connection.execute(text("INSERT INTO n VALUES (zeroblob(1000000))")))
    wait_until(lambda: log.stat().st_size == 0, 20)
    database.close()


def test_the_writer_says_how_long_writes_wait_and_names_one_that_takes_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'openbell.db'}")
    database.write(lambda connection: connection.execute(text("CREATE TABLE n (value INTEGER)")))
    for _ in range(20):
        database.write(write_one)
    before = database.writer()
    assert before is not None
    assert (before["writes"], before["waiting"]) == (21, 0)
    assert 0 < before["wait"]["p50"] <= before["wait"]["p99"] <= before["wait"]["max"]

    def dawdle(connection: Connection) -> None:
        threading.Event().wait(0.06)

    database.write(dawdle)
    after = database.writer()
    assert after is not None
    assert after["longest_transaction"] >= 0.06
    assert "dawdle" in capsys.readouterr().out
    database.close()
