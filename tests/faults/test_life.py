"""A service begins and ends in order, whoever is connected, alone or beside others."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from app.store import workers
from app.store.database import Database
from app.store.migrate import upgrade
from tests.acceptance.jobs import MODULES
from tests.service import OPENBELL, RunningService

pytestmark = pytest.mark.slow

GRACE_SECONDS = 1
_DEADLINE_SECONDS = 30


def gated(service: RunningService, name: str = "held") -> tuple[str, Path]:
    """A run that waits for a gate, and the gate."""
    gate = service.folder / f"{name}.gate"
    file = str(service.folder / f"{name}.effects")
    nodes = [
        {"id": "effect", "op": "note", "params": {"file": file}},
        {"id": "held", "op": "wait_for", "inputs": {"after": "effect"}, "params": {"gate": str(gate)}},
    ]
    service.http.post("/api/v1/pipelines", json={"name": name, "nodes": nodes}).raise_for_status()
    service.http.post("/api/v1/jobs", json={"name": f"{name}_job", "pipeline": name}).raise_for_status()
    return service.http.post(f"/api/v1/jobs/{name}_job/runs", json={}).json()["id"], gate


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_streams_and_waits_hands_runs_back_and_deregisters(
    start_service: Callable[..., RunningService], wait_until: Callable[..., Any], number: signal.Signals
) -> None:
    service = start_service(op_modules=MODULES, grace_seconds=GRACE_SECONDS)
    run, gate = gated(service)
    wait_until(Path(f"{gate}.reached").exists, _DEADLINE_SECONDS)
    listening, ends = threading.Event(), list[str]()

    def stream() -> None:
        with service.http.stream("GET", "/api/v1/stream", headers={"Accept": "text/event-stream"}) as answer:
            for _ in answer.iter_lines():
                listening.set()
        ends.append("stream")

    def wait() -> None:
        address = f"{service.address}/api/v1/jobs/held_job/runs?wait=60"
        ends.append(httpx2.post(address, json={}, headers=service.http.headers, timeout=70).json()["status"])

    clients = [threading.Thread(target=stream), threading.Thread(target=wait)]
    for client in clients:
        client.start()
    assert listening.wait(_DEADLINE_SECONDS)
    wait_until(lambda: service.http.get("/api/v1/queue").json()["queued"] == 1)
    os.kill(service.pid, number)
    for client in clients:
        client.join(_DEADLINE_SECONDS)
    assert sorted(ends) == ["queued", "stream"], "they were answered although their run has not ended"
    assert service.ended() in (0, -number)
    database = Database(f"sqlite:///{service.data_dir / 'openbell.db'}")
    with database.read() as connection:
        assert workers.registered(connection) == []
    database.close()
    gate.touch()
    service.start()
    ended = service.http.get(f"/api/v1/runs/{run}?wait=60").json()
    assert (ended["status"], ended["attempt"], ended["crash_count"]) == ("succeeded", 2, 0)
    assert {step["node"]: step["attempt"] for step in ended["steps"]} == {"effect": 1, "held": 2}


def test_a_second_signal_waits_for_no_run(start_service: Callable[..., RunningService], wait_until: Callable[..., Any]) -> None:
    service = start_service(op_modules=MODULES, grace_seconds=600)
    _, gate = gated(service)
    wait_until(Path(f"{gate}.reached").exists, _DEADLINE_SECONDS)
    os.kill(service.pid, signal.SIGTERM)
    wait_until(lambda: "waiting for runs to end" in service.log.read_text(), _DEADLINE_SECONDS)
    assert service.stop() in (0, -signal.SIGTERM)


class Plain:
    """A process without a face: it says by its log alone that it works."""

    def __init__(self, folder: Path, log: Path, environment: dict[str, str], roles: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [OPENBELL, "serve", "--roles", roles], cwd=folder, env=environment, stdout=output, stderr=output
            )

    def works(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return '"event": "working"' in self.log.read_text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(_DEADLINE_SECONDS)


@pytest.fixture
def start_worker(wait_until: Callable[..., Any]) -> Iterator[Callable[[RunningService], Plain]]:
    """A worker beside a service, on its data dir and database."""
    started: list[Plain] = []

    def start(service: RunningService) -> Plain:
        log = service.folder / f"worker{len(started)}.log"
        started.append(Plain(service.folder, log, service.environment, "worker"))
        wait_until(started[-1].works, 60)
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()


def test_a_process_with_the_api_alone_claims_nothing_and_one_without_it_opens_no_port(
    start_service: Callable[..., RunningService], start_worker: Callable[..., Plain], wait_until: Callable[..., Any]
) -> None:
    service = start_service(op_modules=MODULES, roles="api", grace_seconds=GRACE_SECONDS)
    run, gate = gated(service)
    gate.touch()
    assert service.http.get("/api/v1/workers").json()["items"] == []
    address = json.loads((service.data_dir / "service.json").read_text())
    worker = start_worker(service)
    assert service.http.get(f"/api/v1/runs/{run}?wait=60").json()["status"] == "succeeded"
    process = psutil.Process(worker.process.pid)
    assert [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN] == []
    assert json.loads((service.data_dir / "service.json").read_text()) == address
    assert worker.stop() == 0


def test_a_rolling_restart_of_two_workers_loses_nothing_and_does_nothing_twice(
    start_service: Callable[..., RunningService],
    start_worker: Callable[..., Plain],
    wait_until: Callable[..., Any],
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    upgrade(database.engine)
    service = start_service(database_url=postgres_url, roles="api", op_modules=MODULES, grace_seconds=GRACE_SECONDS, slots=2)
    effects = service.folder / "effects"
    nodes = [{"id": "a", "op": "note", "params": {"file": str(effects)}}]
    service.http.post("/api/v1/pipelines", json={"name": "p", "nodes": nodes}).raise_for_status()
    service.http.post("/api/v1/jobs", json={"name": "p_job", "pipeline": "p", "max_concurrent_runs": 8}).raise_for_status()
    stopping, posted = threading.Event(), list[str]()

    def post() -> None:
        while not stopping.is_set():
            posted.append(service.http.post("/api/v1/jobs/p_job/runs", json={}).json()["id"])
            stopping.wait(0.02)

    first, second = start_worker(service), start_worker(service)
    posting = threading.Thread(target=post)
    posting.start()
    try:
        for old in (first, second):
            assert old.stop() == 0
            start_worker(service)
    finally:
        stopping.set()
        posting.join()
    for run in posted:
        ended = service.http.get(f"/api/v1/runs/{run}?wait=60").json()
        assert (ended["status"], ended["crash_count"]) == ("succeeded", 0), ended
    assert len(effects.read_text().splitlines()) == len(posted), "each ran exactly once"
    database.close()


def follower(service: RunningService, *arguments: str) -> "subprocess.Popen[str]":
    """The command line, at work."""
    command = [OPENBELL, *arguments]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=service.folder, env=service.environment, **piped)


def is_connected(process: "subprocess.Popen[str]") -> bool:
    return any(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(process.pid).net_connections())


def test_who_follows_a_run_waits_for_the_service_to_come_back_and_a_second_service_is_refused(
    start_service: Callable[..., RunningService], wait_until: Callable[..., Any]
) -> None:
    service = start_service(op_modules=MODULES, grace_seconds=GRACE_SECONDS)
    run, gate = gated(service)
    wait_until(Path(f"{gate}.reached").exists, _DEADLINE_SECONDS)
    announced = (service.data_dir / "service.json").read_text()
    second = subprocess.run(
        [OPENBELL, "serve"], cwd=service.folder, env=service.environment, capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert f"process {service.pid}, {service.address}" in second.stderr
    assert (service.data_dir / "service.json").read_text() == announced
    followers = [follower(service, "run", "held_job", "--wait"), follower(service, "logs", "-f", run)]
    wait_until(lambda: all(map(is_connected, followers)), _DEADLINE_SECONDS)
    wait_until(lambda: service.http.get("/api/v1/queue").json()["queued"] == 1)
    os.kill(service.pid, signal.SIGTERM)
    wait_until(lambda: json.loads((service.data_dir / "service.json").read_text())["stopping"], _DEADLINE_SECONDS)
    service.ended()
    assert not (service.data_dir / "service.json").exists()
    service.start()
    gate.touch()
    for one in followers:
        _, said = one.communicate(timeout=2 * _DEADLINE_SECONDS)
        assert (one.returncode, "Waiting for it" in said) == (0, True), said
