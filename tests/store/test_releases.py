"""Releases: written with the snapshot that makes them, announced once, and kept back by a gate."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.errors import LeaseLost
from app.store import claims, lake, releases
from app.store import runs as store_runs
from app.store.database import Database
from app.store.fence import Fence, guard
from app.store.status import Reason, RunStatus
from app.store.tables import events, runs
from tests.store.conftest import claim, enqueue, make_job
from tests.store.test_lake import publication, staged
from tests.store.timed import define, prepare

DAY = date(2026, 11, 20)


@pytest.fixture
def fence(database: Database) -> Fence:
    database.write(lambda connection: make_job(connection, size=9))
    return claimed(database)


def claimed(database: Database, day: date | None = DAY) -> Fence:
    enqueue(database, trade_date=day)
    found = claim(database)
    assert found is not None
    return found


def publish(database: Database, fence: Fence, path: str, base: str | None, **released: float | None) -> Any:
    """`released`: coverage by date, as d2026_11_20."""
    found = [{"trade_date": name[1:].replace("_", "-"), "coverage": known} for name, known in released.items()]
    named = {**publication(staged(path, base)), "releases": found}
    return database.write(lambda connection: lake.publish(connection, fence, "save", named))


def stands(database: Database) -> list[tuple[str, str, int | None]]:
    with database.read() as connection:
        found = releases.page(connection, None, 100)
    return [(row["trade_date"].isoformat(), row["status"], row["readable_snapshot"]) for row in found]


def told(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        found = connection.execute(select(events.c.payload).where(events.c.name == "release").order_by(events.c.id)).scalars()
        return [(payload["trade_date"], payload["snapshot"]) for payload in found]


def test_a_date_is_released_with_its_snapshot_and_again_when_it_changes(database: Database, fence: Fence) -> None:
    _, first = publish(database, fence, "a-2026-11", None, d2026_11_19=1.0, d2026_11_20=0.99)
    assert stands(database) == [("2026-11-20", "partial", 1), ("2026-11-19", "complete", 1)]
    assert [(one["trade_date"], one["datasets"]) for one in first["releases"]] == [
        ("2026-11-19", {"bars": {"version": 1, "rows": 10}}), ("2026-11-20", {"bars": {"version": 1, "rows": 10}}),
    ]  # fmt: skip
    outcome, second = publish(database, fence, "b-2026-11", "a-2026-11", d2026_11_20=None)
    assert (outcome, stands(database)[0]) == ("published", ("2026-11-20", "complete", 2))
    assert [(one["trade_date"], one["snapshot"]) for one in second["releases"]] == [("2026-11-19", 1), ("2026-11-20", 2)]
    with database.read() as connection:
        assert [row["snapshot"] for row in releases.of_date(connection, DAY)] == [2, 1]
        assert releases.latest(connection) == DAY
        assert [one["snapshot"] for one in lake.state(connection, 1)["releases"]] == [1, 1], "as it stood then"
    assert told(database) == [("2026-11-19", 1), ("2026-11-20", 1), ("2026-11-20", 2)]


def test_what_publishes_nothing_releases_nothing(database: Database, fence: Fence) -> None:
    publish(database, fence, "a-2026-11", None, d2026_11_20=1.0)
    assert publish(database, fence, "a-2026-11", None, d2026_11_20=1.0)[0] == "unchanged"
    assert publish(database, fence, "c-2026-11", "other-2026-11", d2026_11_20=1.0)[0] == "conflict"
    database.write(lambda connection: claims.release(connection, fence, guard(connection, fence), clock.now(), "Why."))
    with pytest.raises(LeaseLost):
        publish(database, fence, "d-2026-11", "a-2026-11", d2026_11_20=1.0)
    assert told(database) == [("2026-11-20", 1)]


def test_a_history_is_loaded_and_not_announced(database: Database, fence: Fence) -> None:
    days = {f"d2025_{month:02}_{day:02}": 1.0 for month in (1, 2) for day in range(1, 29)}
    publish(database, fence, "a-2026-11", None, **days, d2026_11_20=1.0)
    assert len(stands(database)) == 57
    assert len(told(database)) == releases.ANNOUNCED
    own = claimed(database, date(2025, 1, 2))
    publish(database, own, "b-2026-11", "a-2026-11", **days)
    assert told(database)[releases.ANNOUNCED] == ("2025-01-02", 2), "the run's own date is news"


def test_an_event_trigger_follows_a_release_in_its_transaction(database: Database, fence: Fence) -> None:
    database.write(lambda connection: prepare(connection, "report", calendar=None))
    define(database, "trigger", {"name": "t", "job": "report", "when": {"event": "release"}})
    publish(database, fence, "a-2026-11", None, d2026_11_20=1.0)
    with database.read() as connection:
        (made,) = store_runs.page(connection, store_runs.Filter(job="report"), None, 10)
    assert (made["trade_date"], made["cause_type"]) == (DAY, "event")


def test_a_gate_keeps_the_last_good_one(database: Database, fence: Fence) -> None:
    publish(database, fence, "a-2026-11", None, d2026_11_20=1.0)
    error = {"message": "Not published: half of it is missing"}
    for day in (DAY, date(2026, 11, 23), None):
        stopped = claimed(database, day)
        database.write(
            lambda connection, stopped=stopped: claims.finish(
                connection, stopped, guard(connection, stopped), RunStatus.failed, Reason.quality_gate, error
            )
        )
    assert stands(database) == [("2026-11-23", "blocked", None), ("2026-11-20", "blocked", 1)]
    with database.read() as connection:
        assert releases.latest(connection) == DAY
        assert releases.of_date(connection, DAY)[0]["detail"] == "Not published: half of it is missing"
        assert lake.state(connection, 1)["releases"][0]["status"] == "complete"
        failed = connection.execute(select(runs.c.reason).where(runs.c.reason.is_not(None))).scalars().all()
    assert set(failed) == {"quality_gate"}
