"""What every test may use: the market data, an empty database of each kind, and a way to wait for a fact."""

import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.settings import PREFIX, Settings

pytest_plugins = ("tests.postgres", "tests.service")

ROOT = Path(__file__).parents[1]
CI = os.environ.get("CI") == "true"
# The second moves the clock of the tests and of every service that they start: `make test-fast` must pass next year too.
_KEPT = {f"{PREFIX}TEST_DATA", f"{PREFIX}CLOCK_FILE"}
Fact = TypeVar("Fact")

# A test sees the product's defaults, never the settings of whoever runs it.
for _name in [name for name in os.environ if name.startswith(PREFIX) and name not in _KEPT]:
    del os.environ[_name]
Settings.model_config["env_file"] = None


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of real market data: OPENBELL_TEST_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get(f"{PREFIX}TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no market data at {folder}; {PREFIX}TEST_DATA says where it is")
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the test's own, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'openbell.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    """`wait_until(fact, timeout=10)`: the fact's first true answer; AssertionError when the time is up."""

    def wait(fact: Callable[[], Fact], timeout: float = 10, *, what: str = "") -> Fact:
        deadline = time.monotonic() + timeout
        while not (answer := fact()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not true after {timeout} s: {what or fact}; the last answer was {answer!r}")
            time.sleep(0.005)
        return answer

    return wait


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing is skipped: what cannot run there is not tested anywhere."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    if CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
