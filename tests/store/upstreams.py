"""Runs that a trigger waits for: made, worked off and ended in one line."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert

from app.store import claims, endings, runs, steps
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import RunStatus
from app.store.tables import run_datasets
from tests.store.conftest import began, failed, new_run, register, succeeded
from tests.store.timed import Clock, ledger, prepare

MONDAY, TUESDAY = date(2026, 9, 28), date(2026, 9, 29)
CHAIN = {"name": "t", "job": "down", "when": {"jobs": ["up"]}}
JOIN = {"name": "t", "job": "down", "when": {"jobs": ["up", "other"], "deadline": "20:00"}}


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)
    database.write(lambda connection: prepare(connection, "up", "other", "down"))
    database.write(lambda connection: register(connection, "w"))
    clock_of_test.set("2026-10-30 08:00")
    return clock_of_test


def claimed(connection: Connection, job: str, day: date | None, **changes: Any) -> Fence:
    """A run of the job, at work."""
    new = new_run(job, nodes=[("a", "noop")], trade_date=day, pools={f"job:{job}": 1}, **changes)
    run_id = runs.enqueue(connection, new).id
    for one in claims.claim(connection, "w", {"noop": "1"}, 100):
        if one.fence.run_id == run_id:
            return one.fence
    raise AssertionError("it was not claimed")


def end(database: Database, fence: Fence, event: Any) -> RunStatus:
    """End its only step so, and with it the run."""

    def work(connection: Connection) -> RunStatus:
        run = steps.record(connection, fence, [began("a"), event])
        return endings.settle(connection, fence, guarded=run)

    return database.write(work)


def run(
    database: Database, job: str, day: date | None = MONDAY, *, fails: bool = False, publishes: bool = False, **more: Any
) -> str:
    """A run of the job from its acceptance to its end."""
    fence = database.write(lambda connection: claimed(connection, job, day, **more))
    if publishes:
        row = {"run_id": fence.run_id, "dataset": "d", "mode": "published", "snapshot": 1, "version": 1, "node": "a"}
        database.write(lambda connection: connection.execute(insert(run_datasets).values(**row)))
    end(database, fence, failed("a") if fails else succeeded("a"))
    return fence.run_id


def fired(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(reversed(runs.page(connection, runs.Filter(job="down"), None, 500)))


def outcomes(database: Database) -> list[tuple[str, str | None, str | None]]:
    return [row[1:] for row in ledger(database, "trigger", "t")]
