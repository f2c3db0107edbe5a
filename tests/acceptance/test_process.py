"""What the service process holds, what it leaves, and what it survives."""

import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.jobs import MODULES, register
from tests.service import RunningService

pytestmark = pytest.mark.slow

HEAVY = {
    "pandas",
    "numpy",
    "pyarrow",
    "duckdb",
    "talib",
    "exchange_calendars",
    "rqdatac",
    "alembic",
    "rich",
    "typer",
    "app.stocks",
}
# The service as `openbell serve` leaves it, but that it writes down on SIGUSR1 what it has imported.
CONFESSING = """
import json, os, runpy, signal, sys
def confess(*_):
    with open("modules.part", "w") as file:
        json.dump(sorted(sys.modules), file)
    os.replace("modules.part", "modules.json")
signal.signal(signal.SIGUSR1, confess)
sys.argv = ["openbell", "serve"]
runpy.run_module("app", run_name="__main__", alter_sys=True)
"""


def test_the_service_imports_no_op_code_and_nothing_heavy(
    start_service: Callable[..., RunningService], wait_until: Callable[..., object]
) -> None:
    service = start_service(command=[sys.executable, "-P", "-c", CONFESSING], op_modules=MODULES, first_run=True)
    register(service)
    assert service.http.post("/api/v1/jobs/good_job/runs?wait=60", json={}).json()["status"] == "succeeded"
    first = service.http.get("/api/v1/runs?job=daily_full_pipeline").json()["items"][0]["id"]
    wait_until(lambda: service.http.get(f"/api/v1/runs/{first}").json()["status"] == "succeeded", 120)
    os.kill(service.pid, signal.SIGUSR1)
    modules = service.folder / "modules.json"
    wait_until(modules.exists)
    held = set(json.loads(modules.read_text()))
    assert "fastapi" in held, "the list is that of the service"
    assert {name for name in held if name in HEAVY or name.split(".")[0] in HEAVY} == set()


def test_a_stop_in_order_leaves_no_process_and_no_address(start_service: Callable[..., RunningService]) -> None:
    service = start_service(op_modules=MODULES, grace_seconds=1)
    register(service)
    service.http.post("/api/v1/jobs/slow_job/runs", json={})
    assert service.stop() in (0, -signal.SIGTERM)
    assert not (service.data_dir / "service.json").exists()


def test_a_killed_service_takes_its_children_along(start_service: Callable[..., RunningService]) -> None:
    service = start_service()
    assert service.kill() == -signal.SIGKILL


def test_the_admin_key_is_for_its_owner_alone(service: RunningService) -> None:
    for name in ("admin.key", "service.json"):
        assert stat.S_IMODE((service.data_dir / name).stat().st_mode) == 0o600, name


def test_a_folder_named_app_where_it_is_started_is_not_imported(
    start_service: Callable[..., RunningService], tmp_path: Path
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('the wrong app')")
    start_service(folder=tmp_path)
