"""A migration that is killed at each of its commits, moves and fsyncs: of an empty database, and of one with rows."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import psycopg
import pytest

from app.store import migrate
from app.store.database import Database
from tests.faults.crash_loop import ALL, SEED, crash_everywhere
from tests.faults.crash_stage import ROOT, Plan, Role, Side
from tests.store import sample_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if ALL else 180)]
_FIRST = min(migrate.revisions())
_numbers = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """`fresh()`: the URL of another empty database."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None

    def make() -> str:
        name = f"migrated_{next(_numbers)}"
        if server is None:
            (tmp_path / name).mkdir()
            return f"sqlite:///{tmp_path / name / 'openbell.db'}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(server).replace("/postgres?", f"/{name}?")

    return make


@pytest.mark.parametrize("revision", [None, _FIRST])
def test_a_migration_that_dies_at_any_point_has_been_done_or_is_done_again(
    fresh: Callable[[], str], tmp_path: Path, revision: str | None
) -> None:
    def once(role: Role, number: int, side: Side) -> Plan:
        url = fresh()
        database = Database(url)
        before: dict[str, list[str]] = {}
        if revision:
            migrate.upgrade(database.engine, revision)
            with database.engine.begin() as connection:
                sample_rows.insert(connection)
                before = sample_rows.content(connection)
        with Plan(tmp_path, role, number, side).armed() as plan:
            code = _migrate(tmp_path, url)
        assert code == (-signal.SIGKILL if plan.crashed else 0), f"{plan}; CRASH_SEED={SEED}"
        with database.read() as connection:
            found = migrate.revision(connection)
        done = plan.crashed and side == "after" and plan.points[number] == "commit "
        assert found in ((migrate.HEAD,) if done else (revision, migrate.HEAD)), f"{plan}; CRASH_SEED={SEED}"
        assert _migrate(tmp_path, url) == 0
        with database.read() as connection:
            assert migrate.revision(connection) == migrate.HEAD
            sample_rows.assert_whole(connection, before)
        database.close()
        if database.is_sqlite:
            folder = Path(str(database.url.database)).parent
            assert not list(folder.glob("backups/.*")), "no half copy stays"
            shutil.rmtree(folder)
        return plan

    kind = "postgresql" if fresh().startswith("postgresql") else "sqlite"
    crash_everywhere(f"migration from {revision or 'nothing'} on {kind}", once, "service", some=2)


def _migrate(folder: Path, url: str) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "tests.faults.crash_service", str(folder / "crash.service"), url]
    return subprocess.run(command, cwd=folder, env=environment).returncode
