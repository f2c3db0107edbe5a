"""Old history goes, and what tells where data came from, or how a date stands, stays."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app import clock
from app.engine.maintenance import Maintenance
from app.settings import Settings
from app.store import claims, logs, pruning
from app.store.database import Database
from app.store.fence import guard
from app.store.status import RunStatus
from app.store.tables import runs, step_attempts, transitions
from tests.store.conftest import make_job
from tests.store.test_releases import claimed, publish

DAY = date(2026, 11, 20)
LOG = logs.LogFacts("logs/x.jsonl", 1, 1, False)


@pytest.fixture
def ended(database: Database) -> list[str]:
    """Five runs of a date: the first published, the second has a log, the last is the newest; and one that has not ended."""
    database.write(lambda connection: make_job(connection, size=9))
    found = []
    for number in range(6):
        fence = claimed(database, DAY if number < 5 else None)
        found.append(fence.run_id)
        if number == 0:
            publish(database, fence, "a-2026-11", None)
        if number == 1:
            database.write(lambda connection, fence=fence: logs.save(connection, fence.run_id, 1, LOG))
        if number < 5:
            database.write(
                lambda connection, fence=fence: claims.finish(connection, fence, guard(connection, fence), RunStatus.succeeded)
            )
    return found


def left(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(select(runs.c.id)).scalars())


def test_a_run_that_nobody_asks_for_goes_with_all_that_is_its_own(database: Database, ended: list[str]) -> None:
    assert database.write(lambda connection: pruning.prune_runs(connection, clock.now() - timedelta(days=1))) == 0
    later = clock.now() + timedelta(seconds=1)
    assert database.write(lambda connection: pruning.prune_runs(connection, later)) == 2
    assert left(database) == {ended[0], ended[1], ended[4], ended[5]}, "it published; it has a log; it is the newest of its date"
    with database.read() as connection:
        gone = ended[2:4]
        for column in (transitions.c.name, step_attempts.c.run_id):
            assert connection.execute(select(func.count()).where(column.in_(gone))).scalar() == 0


def test_logs_go_by_the_end_of_their_run_and_then_the_run_may(database: Database, ended: list[str]) -> None:
    later = clock.now() + timedelta(seconds=1)
    with database.read() as connection:
        found = pruning.old_logs(connection, later)
        assert pruning.old_logs(connection, clock.now() - timedelta(days=1)) == []
    assert found == [(ended[1], 1, "logs/x.jsonl")]
    database.write(lambda connection: pruning.forget_logs(connection, found))
    assert database.write(lambda connection: pruning.prune_runs(connection, later)) == 3


def test_scratch_is_kept_while_its_run_may_be_taken_up(database: Database, ended: list[str]) -> None:
    folders = [Path(name) for name in (ended[0], ended[5], "0193f0a0-0000-7000-8000-000000000000")]
    with database.read() as connection:
        assert pruning.forgotten_scratch(connection, folders, clock.now()) == [folders[2]]
        assert pruning.forgotten_scratch(connection, folders, clock.now() + timedelta(days=8)) == [folders[2], folders[0]]


def test_what_the_gates_of_a_run_found_goes_with_its_log(database: Database, ended: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "quality" / "2026-11"
    folder.mkdir(parents=True)
    for run_id in ended:
        (folder / f"{run_id}.validate.json").write_text("{}")
    settings = Settings(data_dir=tmp_path, database_url=str(database.engine.url), log_days=1)
    with database.engine.begin() as connection:
        connection.execute(update(runs).where(runs.c.id == ended[1]).values(finished_at=clock.now() - timedelta(days=2)))
    nobody: Any = None
    assert Maintenance(database, settings, "1", nobody).do("history")["logs"] == 1
    left_over = {path.name.partition(".")[0] for path in folder.iterdir()}
    assert left_over == {ended[0], *ended[2:]}
