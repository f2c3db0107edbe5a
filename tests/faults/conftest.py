"""Engines whose ops misbehave, and workers in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import House, make_house
from tests.faults.house_process import HouseProcess
from tests.store.conftest import database

__all__ = ["database", "make_house"]


@pytest.fixture(scope="session")
def bad_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One engine on SQLite for all ops that leave it whole: which is what is tested."""
    folder = tmp_path_factory.mktemp("bad-house")
    house = House(f"sqlite:///{folder / 'openbell.db'}", folder, op_modules=("tests.faults.bad_ops",)).start()
    yield house
    house.stop()


@pytest.fixture
def start_worker(database_url: str, tmp_path: Path) -> Iterator[Callable[..., HouseProcess]]:
    """`start_worker(**settings)`: an engine in a process of its own, on the test's database and folder."""
    started: list[HouseProcess] = []

    def start(**settings: object) -> HouseProcess:
        started.append(HouseProcess(database_url, tmp_path, **settings))
        return started[-1]

    yield start
    for process in started:
        process.end()
