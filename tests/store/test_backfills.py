"""Backfills: chunk after chunk in the transactions that end them; nothing lost, nothing doubled, whatever is killed."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock
from app.definitions.backfill import parse_backfill
from app.definitions.pipeline import content_hash
from app.errors import Conflict
from app.store import (
    backfill_plan,
    backfilling,
    backfills,
    calendars,
    endings,
    firings,
    overrides,
    pools,
    rescues,
    runs,
    saving,
    steps,
)  # fmt: skip
from app.store.backfill_plan import Gaps, Plan
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import RunStatus
from app.store.tables import listens, slots
from tests.store.conftest import began, claim, enqueue, failed, new_run, register, succeeded
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


# Works off what is due in processes that die before their n-th statement, until one lives; then says how many died.
DYING = """
import os, signal, sys, time
from sqlalchemy import event
from app.store import claims, endings, rescues, steps
from app.store.database import Database
from tests.store.conftest import began, claim, register, succeeded

def die_at(number, url, worker):
    database = Database(url)
    seen = 0
    def count(*_):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
    from app.store import driver
    for name in ("execute", "execute_many"):
        def counted(*arguments, whole=getattr(driver, name)):
            count()
            return whole(*arguments)
        setattr(driver, name, counted)
    event.listen(database.engine, "before_cursor_execute", count)
    event.listen(database.engine, "commit", count)
    while (fence := claim(database, worker)) is not None:
        database.write(lambda connection: endings.settle(
            connection, fence, guarded=steps.record(connection, fence, [began("a"), succeeded("a")])))
    database.close()

url, died = sys.argv[1], 0
import app.store.postgresql
while True:
    pid = os.fork()
    if pid == 0:
        die_at(40 + 13 * died, url, f"w{died}")
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        break
    database = Database(url)
    database.write(lambda connection: rescues.rescue(connection, f"w{died}", "was killed"))
    database.close()
    died += 1
print(died)
"""


def test_processes_that_are_killed_lose_no_chunk_and_double_none(database: Database, time: Clock) -> None:
    backfill = start(database)
    url = database.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", DYING, url], check=False, capture_output=True, text=True, timeout=60)
    assert killed.returncode == 0, killed.stderr
    assert int(killed.stdout.split()[-1]) >= 5
    found = own_runs(database)
    assert [run["trade_date"] for run in found] == SESSIONS[:10], "one run a chunk, made in order"
    assert {run["status"] for run in found} == {"succeeded"}
    over = row(database, backfill)
    assert (over["status"], over["started"], over["succeeded"]) == ("succeeded", 10, 10)


@on_sqlite
def test_an_ending_that_is_undone_begins_nothing(database: Database, time: Clock) -> None:
    start(database)
    fence = claim(database)
    assert fence is not None

    def work(connection: Connection) -> None:
        guarded = steps.record(connection, fence, [began("a"), succeeded("a")])
        endings.settle(connection, fence, guarded=guarded)
        raise OSError("killed before the commit")

    with pytest.raises(OSError, match="killed"):
        database.write(work)
    assert len(own_runs(database)) == 1


def test_killed_workers_lose_no_chunk_and_double_none(database: Database, time: Clock) -> None:
    backfill = start(database, max_concurrent_runs=2)
    done: list[date] = []
    for number in range(30):
        worker = f"w{number}"
        fence = claim(database, worker)
        if fence is None:
            break
        if number % 3 == 0:
            database.write(lambda connection, worker=worker: rescues.rescue(connection, worker, "stopped renewing its lease"))
            continue
        with database.read() as connection:
            done.append(runs.get(connection, fence.run_id)["trade_date"])
        end(database, fence)
    done += work_off(database)
    assert sorted(done) == SESSIONS[:10]
    found = own_runs(database)
    assert [run["trade_date"] for run in found] == SESSIONS[:10], "one run a chunk, made in order"
    assert {run["status"] for run in found} == {"succeeded"}
    assert row(database, backfill)["status"] == "succeeded"


def test_two_chunks_that_end_together_begin_two(database: Database, time: Clock) -> None:
    """Without the lock of the backfill's row both would begin the same chunk on PostgreSQL."""
    backfill = start(database, max_concurrent_runs=2)
    while fences := [fence for fence in (claim(database), claim(database)) if fence is not None]:
        assert claim(database) is None, "its own pool limits it"
        together = threading.Barrier(len(fences))

        def finish(fence: Fence, together: threading.Barrier = together) -> None:
            together.wait()
            end(database, fence)

        racing = [threading.Thread(target=finish, args=(fence,)) for fence in fences]
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join()
    assert sorted(run["trade_date"] for run in own_runs(database)) == SESSIONS[:10]
    assert row(database, backfill)["status"] == "succeeded"


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


def trigger(database: Database, job: str = "down", **when: Any) -> None:
    define(database, "trigger", {"name": "t", "job": job, "when": {"jobs": ["up"], **when}})


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
