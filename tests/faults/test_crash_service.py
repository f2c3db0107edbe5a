"""A whole service that is killed at its commits: at its first start, and while it is asked for a run over HTTP."""

import contextlib
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from app.store.database import Database
from app.store.migrate import upgrade
from app.store.tables import runs
from tests.faults.crash_checks import check, check_workers
from tests.faults.crash_driver import OPS, QUIET
from tests.faults.crash_loop import ALL, SEED, crash_everywhere
from tests.faults.crash_scenarios import STEP
from tests.faults.crash_stage import ROOT, Plan, Role, Side
from tests.service import RunningService

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if ALL else 180)]
_keys = count(1)


def made(folder: Path, url: str) -> RunningService:
    command = [sys.executable, "-P", "-m", "tests.faults.crash_service", folder / "crash.service", "serve"]
    service = RunningService(folder, command, database_url=url, op_modules=OPS, **QUIET)
    service.environment["PYTHONPATH"] = str(ROOT)
    return service


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[RunningService]:
    database = Database(database_url)
    upgrade(database.engine)
    database.close()
    running = made(tmp_path, database_url).start()
    running.http.post("/api/v1/pipelines", json={"name": STEP.name, "nodes": STEP.nodes}).raise_for_status()
    running.http.post("/api/v1/jobs", json={"name": STEP.name, "pipeline": STEP.name}).raise_for_status()
    yield running
    running.end_if_running()


def ask(service: RunningService, key: str) -> str:
    """Post a run until there is an answer, always with the same key, and wait for its end; its id."""
    while True:
        try:
            answer = service.http.post(f"/api/v1/jobs/{STEP.name}/runs", json={}, headers={"Idempotency-Key": key})
            run: str = answer.raise_for_status().json()["id"]
            service.http.get(f"/api/v1/runs/{run}?wait=60").raise_for_status()
        except httpx2.TransportError:
            service.kill()
            service.start()
        else:
            return run


def test_a_post_that_is_repeated_with_its_key_makes_one_run_whatever_commit_the_service_dies_at(
    service: RunningService, database_url: str
) -> None:
    database, known = Database(database_url), set[str]()

    def once(role: Role, number: int, side: Side) -> Plan:
        key = f"key-{next(_keys)}"
        with Plan(service.folder, role, number, side).armed() as plan:
            run = ask(service, key)
        # Once more: it may have died behind the last commit, when the answer was on its way.
        assert ask(service, key) == run
        known.add(run)
        with database.read() as connection:
            made = set(connection.execute(select(runs.c.id)).scalars())
        assert made == known, f"after {plan}; CRASH_SEED={SEED}"
        check(database, service.data_dir, STEP, [run], key)
        check_workers(database, service.data_dir, living=1)
        return plan

    crash_everywhere(f"enqueue by HTTP on {database.engine.dialect.name}", once, "service", some=1)
    database.close()


def test_a_first_start_that_dies_at_any_commit_or_move_is_followed_by_one_that_works(tmp_path: Path) -> None:
    def once(role: Role, number: int, side: Side) -> Plan:
        folder = tmp_path / str(next(_keys))
        folder.mkdir()
        service = made(folder, "")
        try:
            started = False
            with Plan(folder, role, number, side).armed() as plan, contextlib.suppress(AssertionError):
                service.start()
                started = True
            if plan.crashed:
                if started:
                    service.kill()
                service.start()
            shipped = service.http.get("/api/v1/jobs?limit=500").raise_for_status().json()["items"]
            assert {job["name"] for job in shipped} >= {"daily_full_pipeline", "stock_analysis_job"}
            database = Database(f"sqlite:///{service.data_dir / 'openbell.db'}")
            check_workers(database, service.data_dir, living=1)
            database.close()
        finally:
            service.end_if_running()
        return plan

    crash_everywhere("first start on sqlite", once, "service", some=1)
