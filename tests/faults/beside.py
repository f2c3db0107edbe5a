"""A good run beside a bad one: it must not notice."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import House, node

Beside = Callable[[House], contextlib.AbstractContextManager["Other"]]


class Other:
    """A run under way that waits for its release."""

    def __init__(self, house: House, run_id: str) -> None:
        self._house = house
        self._id = run_id

    def goes_on(self) -> bool:
        """Whether it still runs, in its first attempt."""
        run = self._house.manager.get_run(self._id)
        return bool((run["status"], run["attempt"], run["crash_count"]) == ("running", 1, 0))


@pytest.fixture
def beside(tmp_path: Path, wait_until: Any) -> Beside:
    """`with beside(house) as other`: a good run that goes on for as long as the block, and then ends well."""

    @contextlib.contextmanager
    def run_beside(house: House) -> Iterator[Other]:
        mark, release = tmp_path / "beside", tmp_path / "release"
        run = house.run(node("a", "steady", mark=str(mark), release=str(release)), wait=None)
        wait_until(lambda: mark.exists() and mark.read_text())
        yield Other(house, run["id"])
        release.touch()
        assert house.final(run["id"])["status"] == "succeeded"

    return run_beside
