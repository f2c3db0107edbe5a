"""The service's own duties of lake_maintenance: what each takes away, and what it leaves."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app import clock
from app.engine.maintenance import Maintenance
from app.errors import NotFound
from app.settings import Settings
from app.store import claims, identity, logs
from app.store.database import Database
from app.store.fence import guard
from app.store.migrate import upgrade
from app.store.status import RunStatus
from tests.store.conftest import claim, enqueue, make_job

NOBODY: Any = None
"""A query child, where none is asked."""


@pytest.fixture
def house(tmp_path: Path) -> Any:
    """A data dir with a database, and one run that has ended."""
    settings = Settings(data_dir=tmp_path, backups_kept=2)
    database = Database(settings.url)
    upgrade(database.engine)
    identity.settle(database, tmp_path)
    database.write(make_job)
    enqueue(database)
    fence = claim(database)
    assert fence is not None
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "x.jsonl").write_text("{}\n")

    def work(connection: Any) -> None:
        logs.save(connection, fence.run_id, 1, logs.LogFacts("logs/x.jsonl", 3, 1, False))
        claims.finish(connection, fence, guard(connection, fence), RunStatus.succeeded)

    database.write(work)
    yield Maintenance(database, settings, "1", NOBODY), tmp_path, fence.run_id
    database.close()


def later(monkeypatch: pytest.MonkeyPatch, **more: float) -> None:
    now = clock.now() + timedelta(**more)
    monkeypatch.setattr(clock, "now", lambda: now)


def test_the_newest_nightly_backups_stay_and_those_of_people(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    maintenance, folder, _ = house
    (folder / "backups" / "20200101T000000Z").mkdir(parents=True)
    made = []
    for _ in range(3):
        later(monkeypatch, days=1)
        made.append(Path(maintenance.do("backup")["folder"]).name)
    assert sorted(path.name for path in (folder / "backups").iterdir()) == ["20200101T000000Z", *made[1:]]


def test_a_log_goes_with_its_file_when_its_time_is_over(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    maintenance, folder, _ = house
    assert maintenance.do("history")["logs"] == 0
    later(monkeypatch, days=91)
    assert (maintenance.do("history")["logs"], (folder / "logs" / "x.jsonl").exists()) == (1, False)
    assert maintenance.do("history")["logs"] == 0


def test_scratch_of_a_run_goes_once_nobody_takes_it_up_and_what_is_no_runs_stays(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintenance, folder, run_id = house
    for name in (run_id, "handover", "mine"):
        (folder / "scratch" / name).mkdir(parents=True)
    assert maintenance.do("scratch") == {"folders": 0}
    later(monkeypatch, days=8)
    os.utime(folder / "scratch" / run_id, (clock.now().timestamp(),) * 2)
    assert maintenance.do("scratch") == {"folders": 0}, "somebody has just been there"
    os.utime(folder / "scratch" / run_id, (0, 0))
    assert maintenance.do("scratch") == {"folders": 1}
    assert sorted(path.name for path in (folder / "scratch").iterdir()) == ["handover", "mine"]


def test_there_is_no_other_duty(house: Any) -> None:
    with pytest.raises(NotFound, match="retention, scratch, history, backup"):
        house[0].do("everything")
