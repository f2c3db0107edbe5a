"""A trigger that waits for several jobs: joined on the trade date, once, late, or again."""

import pytest

from app import clock
from app.store import joins, triggers
from app.store.database import Connection, Database
from tests.store.timed import Clock, define
from tests.store.upstreams import JOIN, MONDAY, TUESDAY, fired, outcomes, run
from tests.store.upstreams import time as time


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
