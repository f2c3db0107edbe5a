"""The guarded core: one owner, limits that hold, endings that only the owner writes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import clock
from app.errors import InUse, LeaseLost
from app.store import claims, definitions, endings, pools, rescues, runs, steps, workers
from app.store.database import Connection, Database
from app.store.fence import Fence, guard
from app.store.status import CRASH_LIMIT, Reason, RunStatus
from tests.store.conftest import (
    OPS,
    began,
    claim,
    claim_some,
    enqueue,
    failed,
    free_slots,
    make_job,
    register,
    row,
    skipped,
    succeeded,
)


def settle(database: Database, fence: Fence, *events: object) -> RunStatus:
    def work(connection):  # type: ignore[no-untyped-def]
        if events:
            steps.record(connection, fence, list(events))
        return endings.settle(connection, fence)

    return database.write(work)


def test_a_claim_takes_the_run_its_slot_and_a_new_attempt(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence == Fence(run_id, "w", 1)
    found = row(database, run_id)
    assert (found["status"], found["worker"], found["attempt"]) == ("running", "w", 1)
    assert found["started_at"] is not None
    assert free_slots(database) == 0
    assert claim(database) is None


def test_a_jobs_limit_holds_among_racing_claimers(database: Database) -> None:
    database.write(lambda connection: make_job(connection, size=2))
    for _ in range(20):
        enqueue(database)
    with ThreadPoolExecutor(8) as pool:
        claimed = [future.result(30) for future in [pool.submit(claim, database, f"w{n}") for n in range(8)]]
    won = [fence for fence in claimed if fence is not None]
    assert len(won) == 2
    assert len({fence.run_id for fence in won}) == 2
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM runs WHERE status = 'running'")).scalar_one() == 2


def test_a_named_pool_limits_across_jobs_and_a_failed_claim_holds_nothing(database: Database) -> None:
    def prepare(connection):  # type: ignore[no-untyped-def]
        for name in ("j", "k"):
            make_job(connection, name)
        pools.resize(connection, "rqdata", 1)

    database.write(prepare)
    for name in ("j", "k"):
        enqueue(database, job=name, pools={pools.job_pool(name): 1, "rqdata": 1})
    first = claim(database)
    assert first is not None
    assert claim(database) is None
    assert free_slots(database, "job:k") == 1
    assert settle(database, first, began("a"), succeeded("a"), began("b"), succeeded("b")) == "succeeded"
    second = claim(database)
    assert second is not None
    assert second.run_id != first.run_id


def test_a_blocked_job_does_not_hold_up_another(database: Database) -> None:
    database.write(lambda connection: make_job(connection, "j"))
    database.write(lambda connection: make_job(connection, "k"))
    for _ in range(3):
        enqueue(database)
    other = enqueue(database, job="k", pools={"job:k": 1})
    assert claim(database) is not None
    second = claim(database)
    assert second is not None
    assert second.run_id == other


def test_priority_comes_first_and_age_counts(database: Database) -> None:
    database.write(lambda connection: make_job(connection, size=9))
    low = enqueue(database, priority=20)
    high = enqueue(database, priority=80)
    middle = enqueue(database, priority=50)
    order = [fence.run_id for fence in (claim(database), claim(database), claim(database)) if fence]
    assert order == [high, middle, low]


def test_one_claim_takes_several_in_the_order_of_all_jobs(database: Database) -> None:
    database.write(lambda connection: make_job(connection, "j", size=9))
    database.write(lambda connection: make_job(connection, "k", size=1))
    ranked = {
        priority: enqueue(database, job=job, priority=priority, pools={f"job:{job}": 1})
        for priority, job in ((90, "j"), (80, "k"), (70, "k"), (60, "j"), (50, "j"), (40, "j"))
    }
    first = [fence.run_id for fence in claim_some(database, 4)]
    assert first == [ranked[90], ranked[80], ranked[60], ranked[50]]
    assert [fence.run_id for fence in claim_some(database, 4)] == [ranked[40]]


def test_a_future_due_time_is_waited_for(database: Database, job: str) -> None:
    due = clock.now() + timedelta(hours=1)
    enqueue(database, due_at=due)
    assert claim(database) is None
    with database.read() as connection:
        assert claims.next_due(connection, clock.now()) == due


def test_a_clock_that_is_set_back_holds_up_no_run_that_was_due(
    database: Database, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(database)
    enqueue(database, due_at=clock.now() + timedelta(seconds=1))
    back = tmp_path / "clock"
    back.write_text(str(-30 * 86400))
    monkeypatch.setenv("OPENBELL_CLOCK_FILE", str(back))
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: endings.hand_back(connection, fence))
    again = claim(database)
    assert again is not None
    assert settle(database, again, began("a"), succeeded("a"), began("b"), succeeded("b")) == "succeeded"
    assert claim(database) is None


def test_a_delay_is_kept_on_a_clock_that_was_set_back_further_than_it_is_long(
    database: Database, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = enqueue(database)
    back = tmp_path / "clock"
    back.write_text(str(-86400))
    monkeypatch.setenv("OPENBELL_CLOCK_FILE", str(back))
    fence = claim(database)
    assert fence is not None
    retry_at = clock.now() + timedelta(seconds=60)
    assert settle(database, fence, began("a"), failed("a", retry_at=clock.iso(retry_at))) == "queued"
    assert row(database, run_id)["due_at"] == retry_at
    assert claim(database) is None
    back.write_text(str(-86400 + 61))
    assert claim(database) is not None


def test_only_a_worker_that_has_the_ops_claims(database: Database, job: str) -> None:
    run_id = enqueue(database, code_versions={"noop": "1", "rare": "7"}, nodes=[("a", "noop"), ("b", "rare")])
    assert claim(database, ops={"noop": "1"}) is None
    later = clock.now() + timedelta(seconds=1)
    assert database.write(lambda connection: claims.fail_unknown(connection, {"noop", "rare"}, later)) == []
    fence = claim(database, ops={"noop": "2", "rare": "8", "more": "1"})
    assert fence is not None
    assert row(database, run_id)["code_versions"] == {"noop": "2", "rare": "8"}


def test_a_run_whose_op_nobody_has_any_more_ends(database: Database, job: str) -> None:
    gone = enqueue(database, code_versions={"rare": "7"}, nodes=[("a", "rare")])
    fine = enqueue(database)
    now = clock.now()
    assert database.write(lambda connection: claims.fail_unknown(connection, {"noop"}, now - timedelta(seconds=60))) == []
    assert database.write(lambda connection: claims.fail_unknown(connection, {"noop"}, now + timedelta(seconds=1))) == [gone]
    assert (row(database, gone)["status"], row(database, gone)["reason"]) == ("failed", "unknown_op")
    assert "'rare'" in row(database, gone)["error"]["message"]
    assert row(database, fine)["status"] == "queued"


def test_a_paused_job_is_not_claimed_until_resumed(database: Database, job: str) -> None:
    run_id = enqueue(database)
    database.write(lambda connection: definitions.pause(connection, "job", "j", paused=True))
    assert claim(database) is None
    database.write(lambda connection: definitions.pause(connection, "job", "j", paused=False))
    fence = claim(database)
    assert fence is not None
    assert fence.run_id == run_id


@pytest.mark.parametrize("act", ["record", "finish", "release", "settle"])
def test_who_lost_the_run_writes_nothing(database: Database, job: str, act: str) -> None:
    run_id = enqueue(database)
    stale = claim(database)
    assert stale is not None
    database.write(lambda connection: claims.release(connection, stale, guard(connection, stale), clock.now(), "Why."))
    fresh = claim(database, "other")
    assert fresh is not None
    assert fresh.attempt == 2
    before = row(database, run_id)
    acts = {
        "record": lambda connection: steps.record(connection, stale, [began("a")]),
        "finish": lambda connection: claims.finish(connection, stale, guard(connection, stale), RunStatus.succeeded),
        "release": lambda connection: claims.release(connection, stale, guard(connection, stale), clock.now(), "Why."),
        "settle": lambda connection: endings.settle(connection, stale),
    }
    with pytest.raises(LeaseLost):
        database.write(acts[act])
    assert row(database, run_id) == before


def test_all_steps_succeeded_ends_the_run_and_frees_its_slot(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence is not None
    assert settle(database, fence, began("a"), succeeded("a"), began("b"), succeeded("b")) == "succeeded"
    found = row(database, run_id)
    assert found["finished_at"] is not None
    assert found["worker"] is None
    assert free_slots(database) == 1


def test_a_failed_step_fails_the_run_with_its_reason_and_error(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence is not None
    assert settle(database, fence, began("a"), failed("a"), skipped("b")) == "failed"
    found = row(database, run_id)
    assert (found["reason"], found["error"]["node"], found["error"]["type"]) == ("exception", "a", "ValueError")


def test_a_delayed_step_gives_the_run_back_until_then(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence is not None
    due = clock.now() + timedelta(seconds=60)
    assert settle(database, fence, began("a"), failed("a", retry_at=clock.iso(due))) == "queued"
    found = row(database, run_id)
    assert (found["due_at"], found["crash_count"], found["failures"]) == (due, 0, 0)
    assert free_slots(database) == 1
    with database.read() as connection:
        step = runs.steps_of(connection, [run_id])[0]
    assert (step["status"], step["failures"], step["due_at"]) == ("pending", 1, due)


def test_a_jobs_retry_policy_begins_failed_steps_again_and_keeps_the_others(database: Database, job: str) -> None:
    run_id = enqueue(database, retry={"max_retries": 1, "delay": 30})
    fence = claim(database)
    assert fence is not None
    assert settle(database, fence, began("a"), succeeded("a"), began("b"), failed("b")) == "queued"
    with database.read() as connection:
        assert [step["status"] for step in runs.steps_of(connection, [run_id])] == ["succeeded", "pending"]
    database.write(lambda connection: connection.execute(text("UPDATE runs SET due_at = queued_at")))
    again = claim(database)
    assert again is not None
    assert again.attempt == 2
    assert settle(database, again, began("b", 2), failed("b", 2)) == "failed"
    assert row(database, run_id)["failures"] == 1


def test_the_third_lost_process_ends_the_run(database: Database, job: str) -> None:
    run_id = enqueue(database)
    statuses = []
    for n in range(1, CRASH_LIMIT + 1):
        fence = claim(database)
        assert fence is not None
        database.write(lambda connection, fence=fence, n=n: steps.record(connection, fence, [began("a", n)]))
        error = {"type": "signal", "message": "killed by SIGSEGV"}
        statuses.append(
            database.write(lambda connection, fence=fence, error=error: endings.lose(connection, fence, Reason.signal, error))
        )
    assert statuses == ["queued", "queued", "failed"]
    found = row(database, run_id)
    assert (found["reason"], found["crash_count"], found["attempt"]) == ("crash_loop", 3, 3)
    with database.read() as connection:
        a, b = runs.steps_of(connection, [run_id])
    assert (a["status"], a["reason"], a["attempt"], b["status"]) == ("failed", "signal", 3, "cancelled")


def test_a_dead_workers_runs_go_back_once(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: steps.record(connection, fence, [began("a")]))
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(database.write, lambda connection: rescues.rescue(connection, "w", "test")) for _ in range(4)]
        rescued = [run for future in work for run in future.result(30)]
    assert rescued == [run_id]
    found = row(database, run_id)
    assert (found["status"], found["crash_count"]) == ("queued", 1)
    with database.read() as connection:
        assert not workers.any_alive(connection)
    assert not database.write(lambda connection: workers.renew(connection, "w", timedelta(seconds=30)))
    assert database.write(lambda connection: claims.claim(connection, "w", OPS, 1)) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_heartbeat_waits_for_no_claim_and_a_death_for_all(database: Database, job: str) -> None:
    enqueue(database)
    database.write(lambda connection: register(connection, "w"))
    with ThreadPoolExecutor(1) as pool, database.engine.connect() as claiming:
        with claiming.begin():
            assert len(claims.claim(claiming, "w", OPS, 1)) == 1
            lease = timedelta(seconds=30)
            assert pool.submit(database.write, lambda connection: workers.renew(connection, "w", lease)).result(4)
            dying = pool.submit(database.write, lambda connection: rescues.rescue(connection, "w", "for the test"))
            with pytest.raises(TimeoutError):
                dying.result(0.3)
        assert len(dying.result(10)) == 1


def test_a_rescue_waits_for_a_write_that_is_under_way(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence is not None
    writing, let_go = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        steps.record(connection, fence, [began("a")])
        writing.set()
        assert let_go.wait(10)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(database.write, write)
        assert writing.wait(10)
        rescue = pool.submit(database.write, lambda connection: rescues.rescue(connection, "w", "test"))
        let_go.set()
        slow.result(10)
        assert rescue.result(10) == [run_id]
    assert row(database, run_id)["status"] == "queued"


def test_a_run_left_with_a_stopped_worker_is_found(database: Database, job: str) -> None:
    enqueue(database)
    assert claim(database) is not None
    with database.read() as connection:
        assert rescues.holders_gone(connection) == []
    database.write(lambda connection: workers.deregister(connection, "w"))
    with database.read() as connection:
        assert rescues.holders_gone(connection) == ["w"]
    assert len(database.write(lambda connection: rescues.rescue(connection, "w", "test"))) == 1


def test_a_queued_run_is_cancelled_at_once(database: Database, job: str) -> None:
    run_id = enqueue(database)
    assert database.write(lambda connection: claims.request_cancel(connection, run_id)) == "cancelled"
    assert claim(database) is None
    with database.read() as connection:
        assert {step["status"] for step in runs.steps_of(connection, [run_id])} == {"cancelled"}


def test_a_running_run_is_marked_and_its_ending_is_what_happened(database: Database, job: str) -> None:
    for events, ending in (([began("a"), succeeded("a")], "cancelled"), ([began("a"), failed("a"), skipped("b")], "failed")):
        run_id = enqueue(database)
        fence = claim(database)
        assert fence is not None
        assert database.write(lambda connection, run_id=run_id: claims.request_cancel(connection, run_id)) == "running"
        assert row(database, run_id)["cancel_requested_at"] is not None
        assert settle(database, fence, *events) == ending
        assert row(database, run_id)["status"] == ending
        assert free_slots(database) == 1


def test_a_released_run_that_was_asked_to_stop_is_cancelled(database: Database, job: str) -> None:
    run_id = enqueue(database)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: claims.request_cancel(connection, run_id))
    assert (
        database.write(lambda connection: claims.release(connection, fence, guard(connection, fence), clock.now(), "Why."))
        == "cancelled"
    )


@pytest.mark.parametrize(
    "nonsense",
    [
        "UPDATE runs SET status = 'succeeded'",
        "UPDATE runs SET status = 'running'",
        "UPDATE runs SET status = 'odd'",
        "UPDATE runs SET worker = 'w'",
        "UPDATE steps SET status = 'succeeded'",
        "UPDATE steps SET status = 'failed', finished_at = NULL",
        "UPDATE slots SET run_id = 'r'",
    ],
)
def test_the_tables_refuse_nonsense(database: Database, job: str, nonsense: str) -> None:
    enqueue(database)
    with pytest.raises(IntegrityError):
        database.write(lambda connection: connection.execute(text(nonsense)))


def test_a_smaller_limit_takes_effect_as_runs_end(database: Database) -> None:
    database.write(lambda connection: make_job(connection, size=2))
    for _ in range(3):
        enqueue(database)
    first, second = claim(database), claim(database)
    assert first is not None
    assert second is not None
    database.write(lambda connection: pools.resize(connection, "job:j", 1))
    done = (began("a"), succeeded("a"), began("b"), succeeded("b"))
    settle(database, second, *done)
    assert claim(database) is None
    settle(database, first, *done)
    assert claim(database) is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_claiming_walks_the_queue_by_its_index(database: Database, job: str) -> None:
    enqueue(database)
    plans = []
    with database.read() as connection:
        for query in (claims.JOBS_WITH_ROOM.statement, claims.FIRST_DUE.statement, claims.NEXT_DUE):
            text_of = str(query.params(now=clock.now(), of_job="j").compile(connection, compile_kwargs={"literal_binds": True}))
            plans.append(" | ".join(row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text_of)))
    assert all("USING INDEX ix_runs_queue" in plan for plan in plans[:2]), plans
    assert "USING INDEX ix_runs_due (due_at>?)" in plans[2]
    assert not any("SCAN runs" in plan for plan in plans), plans
    assert "TEMP B-TREE" not in plans[1]


def test_jobs_that_wait_for_a_full_pool_do_not_hide_another(database: Database) -> None:
    def prepare(connection: Connection) -> None:
        pools.resize(connection, "rare", 1)
        for n in range(40):
            make_job(connection, f"blocked_{n}")
        make_job(connection, "free")

    database.write(prepare)
    for n in range(40):
        enqueue(database, job=f"blocked_{n}", pools={f"job:blocked_{n}": 1, "rare": 1})
    last = enqueue(database, job="free", pools={"job:free": 1})
    assert claim(database) is not None
    second = claim(database)
    assert second is not None
    assert second.run_id == last


def test_a_job_with_open_runs_is_not_deleted(database: Database, job: str) -> None:
    run_id = enqueue(database)
    with pytest.raises(InUse, match=run_id):
        database.write(lambda connection: definitions.delete(connection, "job", "j"))
    database.write(lambda connection: claims.request_cancel(connection, run_id))
    database.write(lambda connection: definitions.delete(connection, "job", "j"))
