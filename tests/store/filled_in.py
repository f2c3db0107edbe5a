"""Backfills, begun and worked off in one line."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from app import clock
from app.definitions.backfill import parse_backfill
from app.definitions.pipeline import content_hash
from app.store import (
    backfill_plan,
    backfilling,
    backfills,
    calendars,
    endings,
    firings,
    runs,
    saving,
    steps,
)  # fmt: skip
from app.store.backfill_plan import Gaps, Plan
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import RunStatus
from tests.store.conftest import began, claim, failed, register, succeeded
from tests.store.timed import SESSIONS, Clock, define, prepare

FIRST, LAST = SESSIONS[0], SESSIONS[9]
RANGE = {"from": FIRST.isoformat(), "to": LAST.isoformat(), "only": "all", "order": "oldest"}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What says the same on both need not be asked twice."""

RANGED = {
    "name": "ranged",
    "params": {name: {"type": ["string", "null"], "format": "date", "default": None} for name in ("start_date", "end_date")},
    "nodes": [{"id": "a", "op": "noop"}],
}


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)

    def plant(connection: Connection) -> None:
        prepare(connection, "up", "down")
        saving.save(connection, "pipeline", RANGED, content_hash(RANGED), by="test")
        job = {"name": "wide", "pipeline": "ranged", "calendar": "XSHG"}
        saving.save(connection, "job", job, content_hash(job), by="test", uses="ranged")
        register(connection, "w")

    database.write(plant)
    clock_of_test.set("2026-10-20 16:00")
    return clock_of_test


def planned(connection: Connection, job: str, document: dict[str, Any], gaps: Gaps | None = None) -> Plan:
    wanted = parse_backfill(document, clock.market_date())
    return backfill_plan.plan(connection, job, wanted, calendars.load(connection, "XSHG"), gaps, clock.now())


def start(database: Database, job: str = "up", **changes: Any) -> str:
    document = {**RANGE, **changes}

    def work(connection: Connection) -> str:
        wanted = parse_backfill(document, clock.market_date())
        made = backfilling.create(connection, job, wanted, planned(connection, job, document), "test")
        return str(made["id"])

    return database.write(work)


def row(database: Database, backfill: str) -> dict[str, Any]:
    with database.read() as connection:
        return backfills.get(connection, backfill)


def own_runs(database: Database, job: str = "up") -> list[Any]:
    """Oldest first."""
    with database.read() as connection:
        return list(reversed(runs.page(connection, runs.Filter(job=job), None, 500)))


def end(database: Database, fence: Fence, *, fails: bool = False) -> RunStatus:
    def work(connection: Connection) -> RunStatus:
        guarded = steps.record(connection, fence, [began("a"), failed("a") if fails else succeeded("a")])
        return endings.settle(connection, fence, guarded=guarded)

    return database.write(work)


def work_off(database: Database, failing: Sequence[date] = (), limit: int = 1000) -> list[date]:
    """Execute what is due, one after the other; the trade dates in their order."""
    done: list[date] = []
    while len(done) < limit and (fence := claim(database)) is not None:
        with database.read() as connection:
            day = runs.get(connection, fence.run_id)["trade_date"]
        end(database, fence, fails=day in failing)
        done.append(day)
    return done


def ledger(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return list(firings.page(connection, "trigger", "t", limit=100))


def trigger(database: Database, job: str = "down", **when: Any) -> None:
    define(database, "trigger", {"name": "t", "job": job, "when": {"jobs": ["up"], **when}})
