"""Backfills: chunk after chunk in the transactions that end them, paused, cancelled, refused."""

import pytest
from sqlalchemy import func, select

from app import clock
from app.definitions.pipeline import content_hash
from app.errors import Conflict
from app.store import (
    backfilling,
    backfills,
    calendars,
    endings,
    overrides,
    pools,
    saving,
)  # fmt: skip
from app.store.database import Connection, Database
from app.store.tables import listens, slots
from tests.store.conftest import claim, enqueue
from tests.store.filled_in import LAST, on_sqlite, own_runs, row, start, work_off
from tests.store.filled_in import time as time
from tests.store.timed import SESSIONS, Clock


def test_each_chunk_follows_from_the_end_of_the_one_before(database: Database, time: Clock) -> None:
    backfill = start(database)
    for number, day in enumerate(SESSIONS[:10]):
        (waiting,) = [run for run in own_runs(database) if run["status"] == "queued"]
        assert (waiting["trade_date"], waiting["priority"]) == (day, 10)
        assert (waiting["cause_type"], waiting["cause_name"]) == ("backfill", backfill)
        assert waiting["pools"] == {"job:up": 1, f"backfill:{backfill}": 1}
        assert row(database, backfill)["started"] == number + 1
        assert work_off(database, limit=1) == [day]
    over = row(database, backfill)
    assert (over["status"], over["succeeded"], over["total"]) == ("succeeded", 10, 10)
    with database.read() as connection:
        assert f"backfill:{backfill}" not in set(connection.execute(select(slots.c.pool)).scalars())
        assert connection.execute(select(func.count()).select_from(listens)).scalar() == 0


@on_sqlite
def test_what_a_schedule_started_goes_first(database: Database, time: Clock) -> None:
    database.write(lambda connection: pools.resize(connection, "job:up", 1))
    start(database)
    work_off(database, limit=1)
    scheduled = enqueue(database, job="up", nodes=[("a", "noop")], cause_type="schedule")
    fence = claim(database)
    assert fence is not None
    assert fence.run_id == scheduled


@on_sqlite
def test_a_failed_chunk_is_counted_and_the_rest_goes_on(database: Database, time: Clock) -> None:
    backfill = start(database)
    assert len(work_off(database, failing=[SESSIONS[2], SESSIONS[5]])) == 10
    over = row(database, backfill)
    assert (over["status"], over["succeeded"], over["failed"]) == ("partly_failed", 8, 2)
    assert over["reason"].startswith("the last chunk that failed: run ")
    assert over["reason"].endswith(f" of {SESSIONS[5]}: exception: no")
    with database.read() as connection:
        chunk = backfills.chunk_page(connection, backfill, 1, 1)[0]
    assert (chunk["n"], chunk["outcome"], chunk["first_date"]) == (2, "failed", SESSIONS[2])


@on_sqlite
def test_it_stops_after_so_many_failures_in_a_row_and_says_why(database: Database, time: Clock) -> None:
    backfill = start(database, stop_after=3)
    bad = [SESSIONS[0], SESSIONS[1], *SESSIONS[3:]]
    assert work_off(database, failing=bad) == SESSIONS[:6]
    over = row(database, backfill)
    assert (over["status"], over["started"]) == ("failed", 6)
    assert over["reason"].startswith("3 chunks in a row failed, the last one: run ")
    assert over["reason"].endswith(f"of {SESSIONS[5]}: exception: no")


@on_sqlite
def test_an_ending_refuses_only_so_many_chunks(database: Database, time: Clock) -> None:
    backfill = start(database, stop_after=3, max_concurrent_runs=2)
    broken = {"name": "up", "pipeline": "p", "calendar": "XSHG", "params": {"unknown": 1}}
    database.write(lambda connection: saving.save(connection, "job", broken, content_hash(broken), by="test", uses="p"))
    assert work_off(database, limit=1) == SESSIONS[:1]
    stopped = row(database, backfill)
    assert (stopped["status"], stopped["started"], stopped["failed"]) == ("stopping", 5, 3)
    assert "unknown" in stopped["reason"]


def test_paused_it_ends_what_is_under_way_and_begins_nothing(database: Database, time: Clock) -> None:
    backfill = start(database)
    work_off(database, limit=2)
    for _ in range(2):
        assert database.write(lambda connection: backfilling.pause(connection, backfill))["status"] == "paused"
    assert work_off(database) == [SESSIONS[2]]
    paused = row(database, backfill)
    assert (paused["status"], paused["started"], backfills.live(paused)) == ("paused", 3, 0)
    database.write(lambda connection: backfilling.resume(connection, backfill))
    assert work_off(database) == SESSIONS[3:10]
    assert row(database, backfill)["status"] == "succeeded"
    with pytest.raises(Conflict, match="is succeeded"):
        database.write(lambda connection: backfilling.pause(connection, backfill))


def test_cancelled_it_stops_what_is_queued_and_what_runs(database: Database, time: Clock) -> None:
    backfill = start(database, max_concurrent_runs=2)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: backfilling.cancel(connection, backfill))
    running, queued = own_runs(database)
    assert (running["status"], running["cancel_requested_at"] is not None, queued["status"]) == ("running", True, "cancelled")
    assert row(database, backfill)["status"] == "stopping"
    database.write(lambda connection: endings.settle(connection, fence))
    over = row(database, backfill)
    assert (over["status"], over["cancelled"], len(own_runs(database))) == ("cancelled", 2, 2)
    with pytest.raises(Conflict, match="is cancelled"):
        database.write(lambda connection: backfilling.cancel(connection, backfill))


@on_sqlite
def test_a_paused_one_is_cancelled_at_once(database: Database, time: Clock) -> None:
    backfill = start(database)
    database.write(lambda connection: backfilling.pause(connection, backfill))
    work_off(database)
    assert database.write(lambda connection: backfilling.cancel(connection, backfill))["status"] == "cancelled"


@on_sqlite
def test_a_day_that_the_exchange_closed_since_fails_alone(database: Database, time: Clock) -> None:
    backfill = start(database)
    closed = SESSIONS[4]

    def close(connection: Connection) -> None:
        from app.definitions.overrides import parse_overrides

        document = {"date": closed.isoformat(), "session": False, "reason": "typhoon"}
        known = calendars.load(connection, "XSHG")
        overrides.put(connection, "XSHG", parse_overrides(document, known, known.known_until, clock.market_date()), "test")

    database.write(close)
    assert closed not in work_off(database)
    over = row(database, backfill)
    assert (over["status"], over["failed"], over["succeeded"]) == ("partly_failed", 1, 9)
    with database.read() as connection:
        (chunk,) = [one for one in backfills.chunk_page(connection, backfill, None, 50) if one["outcome"] == "failed"]
    assert f"{closed} is no session" in chunk["detail"]


def test_a_second_one_over_the_same_days_is_refused(database: Database, time: Clock) -> None:
    backfill = start(database)
    with pytest.raises(Conflict, match=backfill):
        start(database, **{"from": LAST.isoformat(), "to": "2026-09-30"})
    start(database, **{"from": "2026-09-16", "to": "2026-09-18"})
    start(database, job="down")


@on_sqlite
def test_months_are_one_run_each_with_both_ends(database: Database, time: Clock) -> None:
    start(database, job="wide", chunk="month", to="2026-10-19")
    work_off(database)
    seen = [(run["trade_date"].isoformat(), run["params"]) for run in own_runs(database, "wide")]
    assert seen == [
        ("2026-09-30", {"start_date": "2026-09-01", "end_date": "2026-09-30"}),
        ("2026-10-19", {"start_date": "2026-10-08", "end_date": "2026-10-19"}),
    ]
