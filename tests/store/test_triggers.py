"""What follows what: fired in the transaction that ends the upstream, once, and written down whatever came of it."""

from typing import Any

import pytest
from sqlalchemy import text

from app import clock
from app.errors import Conflict
from app.store import claims, endings, firings, rings, runs, saving, steps, triggers
from app.store.database import Connection, Database
from tests.store.conftest import began, new_run, succeeded
from tests.store.timed import Clock, define
from tests.store.upstreams import CHAIN, MONDAY, TUESDAY, claimed, fired, outcomes, run
from tests.store.upstreams import time as time


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


def test_a_run_that_no_firing_names_is_not_made(database: Database, time: Clock) -> None:
    define(database, "trigger", CHAIN)
    upstream = run(database, "up")
    with database.read() as connection:
        row = firings.find(connection, "trigger", "t", upstream)
    assert row is not None
    again = firings.Firing(**{**{name: row[name] for name in firings.Firing.__dataclass_fields__}, "run_id": "another"})
    with pytest.raises(Conflict, match="has fired"):
        database.write(lambda connection: firings.note(connection, [again]))


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
