"""What follows what: fired in the transaction that ends the upstream, once, and written down whatever came of it."""

import os
import threading
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, text

from app import clock
from app.errors import Conflict
from app.store import claims, endings, firings, joins, rings, runs, saving, steps, triggers
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import RunStatus
from app.store.tables import run_datasets
from tests.store.conftest import began, failed, new_run, register, succeeded
from tests.store.timed import Clock, define, ledger, prepare

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


def test_a_success_fires_what_follows_in_its_own_transaction(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    upstream = run(database, "up")
    (down,) = fired(database)
    assert (down["trade_date"], down["cause_type"], down["cause_name"], down["depth"]) == (MONDAY, "trigger", "t", 1)
    assert upstream in down["note"]
    with database.read() as connection:
        row = firings.find(connection, "trigger", "t", upstream)
    assert row is not None
    assert (row["outcome"], row["run_id"]) == ("fired", down["id"])


def test_an_ending_that_is_undone_fires_nothing(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    fence = database.write(lambda connection: claimed(connection, "up", MONDAY))

    def work(connection: Connection) -> None:
        guarded = steps.record(connection, fence, [began("a"), succeeded("a")])
        endings.settle(connection, fence, guarded=guarded)
        raise OSError("the lease was lost")

    with pytest.raises(OSError, match="lease"):
        database.write(work)
    assert fired(database) == []
    assert outcomes(database) == []


@pytest.mark.parametrize(
    ("status", "fails", "fires"), [("failed", True, True), ("failed", False, False), ("succeeded", True, False)]
)
def test_it_waits_for_the_status_that_it_names(database: Database, time: Clock, status: str, fails: bool, fires: bool) -> None:
    define(database, "trigger", {**CHAIN, "when": {"jobs": ["up"], "status": status}})
    run(database, "up", fails=fails)
    assert len(fired(database)) == fires
    assert outcomes(database) == [("fired", None, "09-28") if fires else ("skipped", "other_status", "09-28")]


def test_a_run_that_is_cancelled_in_the_queue_has_ended_too(database: Database, time: Clock) -> None:
    define(database, "trigger", {**CHAIN, "when": {"jobs": ["up"], "status": "cancelled"}})
    run_id = database.write(lambda connection: runs.enqueue(connection, new_run("up", trade_date=MONDAY)).id)
    database.write(lambda connection: claims.request_cancel(connection, run_id))
    assert len(fired(database)) == 1


@pytest.mark.parametrize(
    ("rule", "publishes", "second"),
    [
        ("if_changed", True, "fired"),
        ("if_changed", False, "skipped"),
        ("always", False, "fired"),
        ("never", True, "skipped"),
    ],
)
def test_a_rerun_for_the_same_trade_date(database: Database, time: Clock, rule: str, publishes: bool, second: str) -> None:
    define(database, "trigger", {**CHAIN, "on_rerun": rule})
    run(database, "up", publishes=True)
    time.set("2026-10-30 09:30")
    run(database, "up", publishes=publishes)
    assert [outcome for outcome, *_ in outcomes(database)] == ["fired", second]
    run(database, "up", TUESDAY)
    assert len(fired(database)) == 2 + (second == "fired"), "another trade date is no rerun"


@pytest.mark.parametrize("later", [False, True])
def test_a_run_that_stands_for_another_jobs_counts_as_one_of_it_if_it_published(
    database: Database, time: Clock, later: bool
) -> None:
    mend = {"name": "mend", "pipeline": "p", "stands_for": "up"}

    def register_mend() -> None:
        database.write(lambda connection: saving.save(connection, "job", mend, "hash", by="test", uses="p"))

    if not later:
        register_mend()
    define(database, "trigger", CHAIN)
    if later:
        register_mend()
    run(database, "mend")
    assert outcomes(database) == [("skipped", "unchanged", "09-28")], "even the first one"
    ends: list[tuple[str, dict[str, Any]]] = [
        ("up", {}),
        ("mend", {}),
        ("mend", {"publishes": True}),
        ("mend", {"fails": True}),
    ]
    for minute, (job, facts) in enumerate(ends, start=10):
        time.set(f"2026-10-30 09:{minute}")
        run(database, job, MONDAY, **facts)
    assert [outcome for outcome, *_ in outcomes(database)] == ["skipped", "fired", "skipped", "fired", "skipped"]
    assert len(fired(database)) == 2


def test_params_come_from_the_upstream_run(database: Database, time: Clock) -> None:
    define(database, "trigger", {**CHAIN, "params": {"day": "${upstream.trade_date}"}})
    run(database, "up", TUESDAY)
    assert fired(database)[0]["params"] == {"day": "2026-09-29"}
    define(database, "trigger", {**CHAIN, "params": {"day": "${upstream.params.gone}"}})
    run(database, "up", MONDAY)
    assert outcomes(database)[-1] == ("failed", "refused", "09-28")


def test_a_join_fires_once_when_the_last_of_the_same_trade_date_has_come(database: Database, time: Clock) -> None:
    define(database, "trigger", JOIN)
    run(database, "up", MONDAY)
    run(database, "other", TUESDAY)
    assert fired(database) == []
    assert outcomes(database) == [("held", "waiting", "09-28"), ("held", "waiting", "09-29")]
    run(database, "other", MONDAY)
    assert [row["trade_date"] for row in fired(database)] == [MONDAY]
    run(database, "up", TUESDAY)
    assert [row["trade_date"] for row in fired(database)] == [MONDAY, TUESDAY]
    assert outcomes(database) == [("fired", None, "09-28"), ("fired", None, "09-29")]


def test_a_repair_of_one_upstream_joins_what_was_there(database: Database, time: Clock) -> None:
    define(database, "trigger", JOIN)
    run(database, "up", publishes=True)
    run(database, "other")
    time.set("2026-10-30 10:00")
    run(database, "up", publishes=False)
    assert outcomes(database)[-1] == ("skipped", "unchanged", "09-28")
    time.set("2026-10-30 11:00")
    run(database, "up", publishes=True)
    assert [outcome for outcome, *_ in outcomes(database)] == ["fired", "skipped", "fired"]
    assert len(fired(database)) == 2


def test_without_a_trade_date_each_round_takes_one_of_each(database: Database, time: Clock) -> None:
    define(database, "trigger", JOIN)
    for _ in range(2):
        run(database, "up", None)
    assert fired(database) == []
    run(database, "other", None)
    run(database, "other", None)
    assert len(fired(database)) == 1
    run(database, "up", None)
    assert len(fired(database)) == 2


@pytest.mark.parametrize(("then", "outcome"), [("miss", ("missed", "deadline")), ("fire", ("fired", "deadline"))])
def test_a_join_that_is_late(database: Database, time: Clock, then: str, outcome: tuple[str, str]) -> None:
    define(database, "trigger", {**JOIN, "when": {**JOIN["when"], "then": then}})  # type: ignore[dict-item]
    time.set("2026-09-28 19:00")
    run(database, "up")

    def expire(connection: Connection) -> None:
        for due in joins.due(connection, clock.now(), 10):
            triggers.join_expired(connection, due, clock.now())

    time.set("2026-09-28 19:59")
    database.write(expire)
    assert outcomes(database) == [("held", "waiting", "09-28")]
    time.set("2026-09-28 20:00")
    with database.read() as connection:
        assert joins.next_deadline(connection) == clock.now()
    database.write(expire)
    assert outcomes(database) == [(*outcome, "09-28")]
    database.write(expire)
    assert len(fired(database)) == (then == "fire")
    with database.read() as connection:
        assert joins.next_deadline(connection) is None


def test_a_join_that_missed_its_deadline_fires_when_the_rest_comes_after_all(database: Database, time: Clock) -> None:
    define(database, "trigger", JOIN)
    time.set("2026-09-28 19:00")
    run(database, "up")
    time.set("2026-09-28 20:00")

    def expire(connection: Connection) -> None:
        for due in joins.due(connection, clock.now(), 10):
            triggers.join_expired(connection, due, clock.now())

    database.write(expire)
    time.set("2026-09-28 21:00")
    run(database, "other")
    assert [outcome for outcome, *_ in outcomes(database)] == ["missed", "fired"]
    database.write(expire)
    assert len(fired(database)) == 1


def test_a_trade_date_that_is_filled_in_later_has_no_deadline(database: Database, time: Clock) -> None:
    define(database, "trigger", JOIN)
    run(database, "up", MONDAY)
    with database.read() as connection:
        assert joins.next_deadline(connection) is None
    run(database, "other", MONDAY)
    assert outcomes(database) == [("fired", None, "09-28")]


def test_a_run_that_no_firing_names_is_not_made(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    upstream = run(database, "up")
    with database.read() as connection:
        row = firings.find(connection, "trigger", "t", upstream)
    assert row is not None
    again = firings.Firing(**{**{name: row[name] for name in firings.Firing.__dataclass_fields__}, "run_id": "another"})
    with pytest.raises(Conflict, match="has fired"):
        database.write(lambda connection: firings.note(connection, [again]))


def test_two_upstreams_that_end_together_fire_their_join_once(database: Database) -> None:
    """Without the lock of the join's row each would miss the other on PostgreSQL. JOINS=1000 takes a minute there."""
    database.write(lambda connection: prepare(connection, "up", "other", "down", calendar=None))
    database.write(lambda connection: register(connection, "w"))
    define(database, "trigger", {**JOIN, "when": {"jobs": ["up", "other"]}})
    days = [date.fromordinal(MONDAY.toordinal() + number) for number in range(int(os.environ.get("JOINS", "30")))]
    for day in days:
        pair = [database.write(partial(claimed, job=job, day=day)) for job in ("up", "other")]
        together = threading.Barrier(2)

        def finish(fence: Fence, together: threading.Barrier = together) -> None:
            together.wait()
            end(database, fence, succeeded("a"))

        racing = [threading.Thread(target=finish, args=(fence,)) for fence in pair]
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join()
    with database.read() as connection:
        rows = firings.page(connection, "trigger", "t", limit=10_000)
    assert [row["outcome"] for row in rows] == ["fired"] * len(days)
    assert {row["trade_date"] for row in rows} == set(days)
    assert len({row["run_id"] for row in rows}) == len(days)


def test_a_loop_is_cut_where_it_is_too_deep(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    run(database, "up", depth=triggers.DEEPEST)
    assert outcomes(database) == [("failed", "too_deep", "09-28")]


def test_a_trigger_that_would_close_a_loop_is_found(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    define(database, "trigger", {"name": "u", "job": "other", "when": {"jobs": ["down"]}})
    with database.read() as connection:
        assert rings.closed_by(connection, "v", "up", ["other"]) == ["up", "down", "other", "up"]
        assert rings.closed_by(connection, "v", "other", ["up"]) == []
        assert rings.closed_by(connection, "u", "up", ["other"]) == [], "its own version before counts no more"


def test_an_event_fires_once_with_its_payload(database: Database, time: Clock) -> None:
    define(database, "trigger", {"name": "t", "job": "down", "when": {"event": "ready"}, "params": {"day": "${event.day}"}})
    payload = {"day": "x", "trade_date": "2026-09-28"}
    for _ in range(2):
        database.write(lambda connection: triggers.event_came(connection, "ready", "event-1", payload, clock.now()))
    (down,) = fired(database)
    assert (down["params"], down["trade_date"], down["cause_type"]) == ({"day": "x"}, MONDAY, "event")
    database.write(lambda connection: triggers.event_came(connection, "ready", "event-2", {}, clock.now()))
    database.write(
        lambda connection: triggers.event_came(connection, "ready", "event-3", {**payload, "trade_date": "soon"}, clock.now())
    )
    assert [outcome for outcome, *_ in outcomes(database)] == ["fired", "failed", "failed"]
    database.write(lambda connection: saving.pause(connection, "trigger", "t", paused=True))
    database.write(lambda connection: triggers.event_came(connection, "ready", "event-4", payload, clock.now()))
    assert outcomes(database)[-1][:2] == ("skipped", "paused")


def test_a_deleted_trigger_hears_nothing(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    database.write(lambda connection: saving.delete(connection, "trigger", "t"))
    run(database, "up")
    assert fired(database) == []


def test_a_run_that_nobody_waits_for_costs_one_look_into_an_index(database: Database, time: Clock) -> None:
    if not database.is_sqlite:
        return
    query = "EXPLAIN QUERY PLAN SELECT trigger FROM listens WHERE topic = 'job:up' ORDER BY trigger"
    with database.read() as connection:
        plan = " ".join(row[3] for row in connection.execute(text(query)))
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan
