"""One forkserver for all tests here, and a run process for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.children import Child, ForkServer, QueryChild
from app.settings import Settings

OP_MODULES = ("tests.runner.sample_ops", "tests.runner.broken_ops", "tests.runner.sample_lake", "tests.runner.no_such_module")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("data"), op_modules=OP_MODULES, child_runs=3, slots=2)


@pytest.fixture(scope="session")
def forkserver(settings: Settings) -> Iterator[ForkServer]:
    server = ForkServer.start(settings)
    yield server
    server.stop()


@pytest.fixture
def child(forkserver: ForkServer) -> Iterator[Child]:
    child = Child.start(forkserver, 60)
    yield child
    child.close()


@pytest.fixture
def queries(forkserver: ForkServer) -> Iterator[QueryChild]:
    queries = QueryChild(forkserver)
    yield queries
    queries.close()


@pytest.fixture
def data_dir(settings: Settings) -> Path:
    return settings.data_dir
