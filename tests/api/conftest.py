"""The app over a real database, a few ops in its catalogue, a client for each role; runs are executed by hand."""

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.testclient import TestClient

from app.api.application import build
from app.definitions.catalogue import BrokenModule, Catalogue, OpSpec, Port, QuerySpec
from app.manager import PipelineManager, log_topic
from app.settings import Settings
from app.store import calendar_sources, catalogue, claims, endings, keys, logs, steps, workers
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.tables import metadata

FRAME = Port(name="result", kind="frame")
DAYS = {"type": "object", "properties": {"days": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
OPS = (
    OpSpec(name="load", aliases=("load_op",), module="ops", code_version="1", params_schema=DAYS, outputs=(FRAME,)),
    OpSpec(name="score", module="ops", code_version="1", inputs=(Port(name="data", kind="frame"),), outputs=(FRAME,)),
)
DATASETS = {"type": "string", "enum": ["daily_bars", "fundamentals"]}
READINESS = QuerySpec(name="source_readiness", module="ops", params_schema={"properties": {"dataset": DATASETS}})
BROKEN = BrokenModule(module="broken_ops", error="No module named 'nowhere'", traceback="Traceback ...")
CODE = {op.name: op.code_version for op in OPS}
PIPELINE = {
    "name": "p",
    "params": {"days": {"type": "integer", "default": 5}},
    "nodes": [
        {"id": "a", "op": "load", "params": {"days": "${params.days}"}},
        {"id": "b", "op": "score", "inputs": {"data": "a"}},
    ],
}
JOB = {"name": "j", "pipeline": "p", "tags": {"team": "quant"}}
SESSIONS = [date(2026, 11, 16) + timedelta(days=day) for day in (0, 1, 2, 3, 4, 7, 8)]
HOURS = [{"since": "1990-12-19", "phases": [["continuous", "09:30", "11:30"], ["continuous", "13:00", "15:00"]]}]
AT = "2026-11-20T01:02:03.000000Z"
ROLES: tuple[keys.Role, ...] = ("viewer", "operator", "admin")


class House:
    """One service without its engine: the app, its manager, and a bearer key of each role."""

    def __init__(self, manager: PipelineManager) -> None:
        self.manager = manager
        self.database = manager.database
        self.app = build(manager)
        self.keys: dict[str, str] = {role: manager.create_key(role, role, by="test")["key"] for role in ROLES}

    def client(self, role: str | None = "admin") -> TestClient:
        headers = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return TestClient(self.app, headers=headers, base_url="http://test/api/v1")

    def plant(self) -> None:
        """A pipeline of two steps and a job of it."""
        self.manager.register("pipeline", PIPELINE)
        self.manager.register("job", JOB)

    def worker(self) -> None:
        """A worker that is alive, as far as anybody can tell."""
        lease = timedelta(hours=1)
        facts: dict[str, Any] = {"host": "here", "pid": 1, "roles": ["worker"], "slots": 4, "version": "1", "lease": lease}
        self.database.write(lambda connection: workers.register(connection, "w", **facts))

    def claim(self) -> Fence:
        (claimed,) = self.database.write(lambda connection: claims.claim(connection, "w", CODE, 1))
        return claimed.fence

    def end(self, fence: Fence, *nodes: str, failing: str | None = None) -> None:
        """Report these steps as done, or one as failed, and end the run."""
        for node in nodes:
            self.report(fence, {"type": "step_began", "node": node, "attempt": 1, "at": AT})
            self.report(fence, _failed(node) if node == failing else _succeeded(node))
        for node in "ab":
            if failing and node not in nodes:
                skipped = {"type": "step_skipped", "node": node, "at": AT, "reason": "upstream_failed", "detail": "a failed"}
                self.report(fence, skipped)
        self.database.write(lambda connection: endings.settle(connection, fence))
        self.database.changes.notify([log_topic(fence.run_id)])

    def report(self, fence: Fence, event: Any) -> None:
        self.database.write(lambda connection: steps.record(connection, fence, [event]))

    def log(self, run_id: str, attempt: int, *lines: bytes) -> None:
        """Append lines to an attempt's log, as a supervisor does."""
        path = Path("logs/2026-11") / f"{run_id}.{attempt}.jsonl"
        target = self.manager.settings.data_dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            file.write(b"".join(lines))
        facts = logs.LogFacts(str(path), target.stat().st_size, len(lines), False)
        self.database.write(lambda connection: logs.save(connection, run_id, attempt, facts))
        self.database.changes.notify([log_topic(run_id)])


def _succeeded(node: str) -> Any:
    metrics = {"record_count": 3, "processing_time": 0.5, "memory_usage": 1000, "data_quality_score": None}
    outputs = {"result": {"kind": "value", "value": 7}}
    return {"type": "step_succeeded", "node": node, "attempt": 1, "at": AT, "outputs": outputs, "metrics": metrics, "staged": []}


def _failed(node: str) -> Any:
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback ...", "classes": ["ValueError"]}
    event = {"type": "step_failed", "node": node, "attempt": 1, "at": AT, "reason": "exception", "retry_at": None}
    return {**event, "error": error, "metrics": {}}


def _house(url: str, folder: Path, **settings: Any) -> House:
    database = Database(url, queue_limit=settings.get("queue_limit"))
    metadata.create_all(database.engine)

    def plant(connection: Connection) -> None:
        catalogue.save(connection, Catalogue(ops=OPS, queries=(READINESS,), broken=(BROKEN,)))
        calendar_sources.plant(connection, "XSHG", SESSIONS, "test", "hash", hours=HOURS)

    database.write(plant)
    return House(PipelineManager(database, Settings(data_dir=folder, database_url=url, **settings)))


@pytest.fixture
def new_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """`new_house(**settings)`: a house on SQLite."""
    made: list[House] = []

    def new(**settings: Any) -> House:
        made.append(_house(f"sqlite:///{tmp_path / f'{len(made)}.db'}", tmp_path, **settings))
        return made[-1]

    yield new
    for house in made:
        house.manager.close()


@pytest.fixture
def house(new_house: Callable[..., House]) -> House:
    return new_house()


@pytest.fixture
def either(database_url: str, tmp_path: Path) -> Iterator[House]:
    """A house on SQLite, and one on PostgreSQL."""
    made = _house(database_url, tmp_path)
    yield made
    made.manager.close()


@pytest.fixture
def client(house: House) -> TestClient:
    """The admin's."""
    return house.client()


@pytest.fixture
def serve() -> Iterator[Callable[[House], httpx2.Client]]:
    """`serve(house)`: the app behind a real server, for what lasts; answers a client with the admin key."""
    running: list[tuple[uvicorn.Server, threading.Thread, httpx2.Client]] = []

    def start(house: House) -> httpx2.Client:
        config = uvicorn.Config(house.app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            thread.join(0.005)
            assert thread.is_alive(), "the server did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        client = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {house.keys['admin']}"},
            timeout=30,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None),
        )
        running.append((server, thread, client))
        return client

    yield start
    for server, thread, client in running:
        client.close()
        server.config.app.state.watch.stop()  # type: ignore[union-attr]
        server.should_exit = True
        thread.join()
