"""A whole engine in the test's process: real run processes, a real database, no HTTP."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.engine import Engine
from app.engine.forkserver import ForkServer
from app.manager import PipelineManager
from app.settings import Settings
from app.store.database import Database
from app.store.migrate import upgrade

TERMINAL = ("succeeded", "failed", "cancelled")


class House:
    """An engine with its manager, and short ways to make and run a job."""

    def __init__(self, url: str, folder: Path, **settings: Any) -> None:
        self.folder = folder
        values = {"slots": 4, "grace_seconds": 1, "op_modules": ("tests.engine.sample_ops",), **settings}
        self.settings = Settings(data_dir=folder / "var", database_url=url, **values)
        self.database = Database(url)
        upgrade(self.database.engine)
        self.manager = PipelineManager(self.database, self.settings)
        self.engine = Engine(self.database, self.settings, "test", ForkServer.start(self.settings))
        self.ready = threading.Event()
        self._jobs = 0

    def start(self) -> "House":
        self.engine.start(lambda _: self.ready.set())
        assert self.ready.wait(60)
        return self

    def stop(self) -> None:
        self.engine.stop()
        self.database.close()

    def job(self, *nodes: dict[str, Any], **job: Any) -> str:
        """Register a pipeline of these nodes and a job of it; answers the job's name."""
        self._jobs += 1
        name = f"job_{self._jobs}"
        self.manager.register_pipeline({"name": name, "nodes": list(nodes)})
        self.manager.register_job(name, {"pipeline": name, **job})
        return name

    def run(self, *nodes: dict[str, Any], wait: float | None = 30, **job: Any) -> dict[str, Any]:
        """Run these nodes as a job; the run once it is final."""
        run = self.manager.run_job(self.job(*nodes, **job))
        return self.final(run["id"], wait) if wait else run

    def final(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        run = self.manager.wait_run(run_id, seconds)
        assert run["status"] in TERMINAL, run
        return run

    def log(self, run: dict[str, Any]) -> str:
        return "".join(path.read_text() for path in sorted((self.settings.data_dir / "logs").rglob(f"{run['id']}.*")))


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One engine on SQLite for all tests that leave it whole."""
    folder = tmp_path_factory.mktemp("house")
    house = House(f"sqlite:///{folder / 'openbell.db'}", folder).start()
    yield house
    house.stop()


@pytest.fixture
def house(shared_house: House) -> House:
    return shared_house


@pytest.fixture
def make_house(database_url: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Engines of the test's own on one database, for tests that break them."""
    made: list[House] = []

    def make(**settings: Any) -> House:
        made.append(House(database_url, tmp_path, **settings).start())
        return made[-1]

    yield make
    for one in made:
        one.stop()


def node(name: str, op: str, inputs: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A node; params by name, `retry`, `timeout_seconds` and the like as they are."""
    own = {key: more.pop(key) for key in ("retry", "timeout_seconds", "pools") if key in more}
    return {"id": name, "op": op, "inputs": inputs or {}, "params": more, **own}


def by_node(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["node"]: step for step in run["steps"]}
