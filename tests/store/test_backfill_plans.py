"""What a backfill plans before it begins, and what follows when all of it is done."""

from datetime import date, timedelta
from typing import Any

import pytest

from app.store import (
    backfill_plan,
    backfilling,
    calendars,
    runs,
)  # fmt: skip
from app.store.backfill_plan import Gaps, Plan
from app.store.database import Database
from tests.store.conftest import claim, enqueue, new_run
from tests.store.filled_in import FIRST, LAST, RANGE, end, ledger, on_sqlite, own_runs, planned, row, start, trigger, work_off
from tests.store.filled_in import time as time
from tests.store.timed import SESSIONS, Clock, define


def left(plan: Plan) -> dict[str, int]:
    return {one["reason"]: one["days"] for one in plan.left_out}


def test_what_is_planned_and_what_is_left_out(database: Database, time: Clock) -> None:
    """From Tuesday 2026-09-01 to Tuesday 2026-10-20, seen before its close."""
    time.set("2026-10-20 11:00")
    work = [(SESSIONS[0], False), (SESSIONS[1], True), (SESSIONS[2], True), (SESSIONS[2], False)]
    for day, fails in work:
        enqueue(database, job="up", nodes=[("a", "noop")], trade_date=day)
        work_off(database, failing=[day] if fails else [])
    enqueue(database, job="up", nodes=[("a", "noop")], trade_date=SESSIONS[3])
    with database.read() as connection:
        everything = planned(connection, "up", {**RANGE, "from": "2026-08-25", "to": "2026-10-20"})
        assert everything.sessions == len([day for day in SESSIONS if day < date(2026, 10, 20)])
        assert left(everything) == {"unknown_day": 7, "closed": 50 - everything.sessions - 1, "not_over": 1}
        missing = planned(connection, "up", {**RANGE, "only": "missing"})
        assert [chunk.first for chunk in missing.chunks] == [SESSIONS[1], *SESSIONS[4:10]]
        assert left(missing) == {"closed": 4, "done": 2, "under_way": 1}
        again = planned(connection, "up", {**RANGE, "only": "failed"})
        assert [chunk.first for chunk in again.chunks] == [SESSIONS[1]]
        gaps = Gaps({SESSIONS[0]: 3, SESSIONS[6]: 4, SESSIONS[7]: 5}, history_from=SESSIONS[1])
        found = planned(connection, "up", {**RANGE, "only": "missing", "order": "newest"}, gaps)
        assert [chunk.first for chunk in found.chunks] == [SESSIONS[7], SESSIONS[6], SESSIONS[1]]
        assert (found.rows, left(found)["before_history"]) == (None, 1), "what the failed day lacks is not known"
        assert planned(connection, "up", {**RANGE, "from": "2026-09-08", "only": "missing"}, gaps).rows == 9


def test_a_months_run_is_about_all_its_days(database: Database, time: Clock) -> None:
    start(database, job="wide", chunk="month")
    work_off(database, failing=[LAST])
    with database.read() as connection:
        assert planned(connection, "wide", {**RANGE, "only": "failed"}).sessions == 10
    first = own_runs(database, "wide")[0]["id"]
    retry = new_run("wide", nodes=[("a", "noop")], trade_date=LAST, cause_type="retry", retry_of=first)
    database.write(lambda connection: runs.enqueue(connection, retry))
    work_off(database)
    with database.read() as connection:
        assert planned(connection, "wide", {**RANGE, "only": "missing"}).sessions == 0


@on_sqlite
def test_seconds_come_from_the_jobs_history(database: Database, time: Clock) -> None:
    def worked(minutes: int, **changes: Any) -> None:
        enqueue(database, job="wide", nodes=[("a", "noop")], **changes)
        fence = claim(database)
        assert fence is not None
        time.now += timedelta(minutes=minutes)
        end(database, fence)

    with database.read() as connection:
        calendar = calendars.load(connection, "XSHG")
        assert backfill_plan.history(connection, "wide", calendar, ranges=False).seconds is None
    for minutes in (1, 2, 30):
        worked(minutes, trade_date=FIRST)
    worked(5, trade_date=LAST, params={"start_date": FIRST.isoformat(), "end_date": LAST.isoformat()})
    with database.read() as connection:
        assert backfill_plan.history(connection, "wide", calendar, ranges=False).seconds == 120
        assert backfill_plan.history(connection, "wide", calendar, ranges=True).seconds == 30


@on_sqlite
def test_nothing_to_do_is_over_at_once(database: Database, time: Clock) -> None:
    trigger(database)
    backfill = start(database, only="failed")
    over = row(database, backfill)
    assert (over["status"], over["total"], ledger(database)) == ("succeeded", 0, [])


def test_triggers_fire_once_at_the_end_for_the_newest_day_done(database: Database, time: Clock) -> None:
    trigger(database)
    backfill = start(database)
    work_off(database, failing=[LAST])
    (fired,) = ledger(database)
    assert (fired["key"], fired["outcome"], fired["trade_date"]) == (f"backfill {backfill}", "fired", SESSIONS[8])
    (down,) = own_runs(database, "down")
    assert down["note"] == f"after the backfill {backfill} of up for {FIRST} to {LAST}"
    assert (down["trade_date"], down["depth"], down["cause_type"]) == (SESSIONS[8], 1, "trigger")


@on_sqlite
def test_a_join_counts_the_whole_backfill_as_one_arrival(database: Database, time: Clock) -> None:
    define(database, "trigger", {"name": "t", "job": "down", "when": {"jobs": ["up", "wide"]}})
    enqueue(database, job="wide", nodes=[("a", "noop")], trade_date=LAST)
    work_off(database)
    start(database)
    work_off(database)
    assert [run["trade_date"] for run in own_runs(database, "down")] == [LAST]


@on_sqlite
def test_one_that_follows_and_takes_a_range_gets_it(database: Database, time: Clock) -> None:
    trigger(database, job="wide")
    start(database)
    work_off(database, failing=[FIRST])
    (down,) = own_runs(database, "wide")
    assert down["params"] == {"start_date": SESSIONS[1].isoformat(), "end_date": LAST.isoformat()}


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "when", "outcomes"),
    [
        ({"triggers": "each"}, {}, ["fired"] * 10),
        ({"triggers": "none"}, {}, ["skipped"]),
        ({}, {"status": "failed"}, ["skipped"]),
    ],
)
def test_triggers_otherwise(
    database: Database, time: Clock, changes: dict[str, Any], when: dict[str, Any], outcomes: list[str]
) -> None:
    trigger(database, **when)
    start(database, **changes)
    work_off(database)
    assert [fired["outcome"] for fired in ledger(database)] == outcomes


@on_sqlite
def test_a_cancelled_one_fires_nothing_and_says_so(database: Database, time: Clock) -> None:
    trigger(database)
    backfill = start(database)
    work_off(database, limit=2)
    database.write(lambda connection: backfilling.cancel(connection, backfill))
    (fired,) = ledger(database)
    assert (fired["outcome"], fired["reason"], own_runs(database, "down")) == ("skipped", "backfill", [])
    assert "was cancelled" in fired["detail"]
