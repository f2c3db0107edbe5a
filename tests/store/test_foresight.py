"""A promise that will be late is known before it is: from comparable days, once a minute, at a price that does not grow."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app import clock
from app.definitions.foresight import PastDay
from app.engine.promisekeeper import Promisekeeper
from app.store import acceptance, catalogue, foresight, promises, runs
from app.store.acceptance import Cause, RunRequest
from app.store.database import Connection, Database
from tests.store.test_deadlines import EVENING, MONDAY, at_work, heard, look, succeed
from tests.store.timed import SESSIONS, Clock, at, define, prepare


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)
    database.write(prepare)
    return clock_of_test


def fill(database: Database, minutes: int = 30) -> None:
    """Days of which each was ready 17:00 plus half an hour of work."""
    for day in [each for each in SESSIONS if each < MONDAY][-5:]:
        ended = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=17, minutes=minutes)
        succeed(database, day, f"{day} 17:00", f"{ended:%Y-%m-%d %H:%M}")


def ahead(database: Database) -> dict[str, Any]:
    Promisekeeper(database).look_ahead()
    with database.read() as connection:
        row = promises.one(connection, "d", MONDAY)
    assert row is not None
    return dict(row)


def test_what_will_be_late_is_known_before(database: Database, time: Clock) -> None:
    fill(database)
    define(database, "deadline", {**EVENING, "at": "18:00"})
    time.set("2026-09-28 17:10")
    look(database)
    row = ahead(database)
    assert (row["predicted_at"], row["predicted_late"]) == (at("2026-09-28 17:40"), False)
    time.set("2026-09-28 17:31")
    row = ahead(database)
    assert (row["predicted_at"], row["predicted_late"], row["outcome"]) == (at("2026-09-28 18:01"), True, "open")
    expected = "no run of it is at work; one takes 30 min; of the last 5 days half were ready by 17:30, nine of ten by 17:30"
    assert row["prediction"] == expected
    ahead(database)
    assert heard(database) == [("predicted_late", "2026-09-28")], "it is said once"
    succeed(database, MONDAY, "2026-09-28 17:35", "2026-09-28 17:55")
    assert heard(database)[1:] == [("met", "2026-09-28")], "and taken back"


def test_of_two_processes_that_see_it_one_says_so(database: Database, time: Clock) -> None:
    fill(database)
    define(database, "deadline", {**EVENING, "at": "17:45"})
    time.set("2026-09-28 17:31")
    look(database)
    with database.read() as connection:
        found = foresight.look(connection, clock.now(), {})
    warned = [database.write(lambda connection: foresight.write(connection, found)) for _ in range(2)]
    assert [len(each) for each in warned] == [1, 0]
    assert heard(database) == [("predicted_late", "2026-09-28")]


def test_a_run_at_work_is_compared_with_earlier_ones(database: Database, time: Clock) -> None:
    fill(database)
    define(database, "deadline", {**EVENING, "at": "18:00"})
    time.set("2026-09-28 17:45")
    look(database)

    def begin(connection: Connection) -> None:
        new = acceptance.accept(connection, catalogue.current(connection), "j", RunRequest(), Cause())
        at_work(connection, runs.enqueue(connection, new).id, MONDAY, "2026-09-28 17:20")

    database.write(begin)
    row = ahead(database)
    assert (row["predicted_at"], row["predicted_late"]) == (at("2026-09-28 17:50"), False)
    time.set("2026-09-28 17:59")
    assert ahead(database)["predicted_late"] is False


def test_looking_ahead_asks_no_more_of_a_longer_history(database: Database, time: Clock) -> None:
    define(database, "deadline", {**EVENING, "at": "18:00"})
    time.set("2026-09-28 17:00")
    look(database)

    def asked() -> int:
        statements: list[str] = []
        engine = database.engine
        event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        known: dict[Any, list[PastDay]] = {}
        with database.read() as connection:
            foresight.look(connection, clock.now(), known)
        return len(statements)

    few = asked()
    fill(database)
    fill(database)
    assert asked() == few


def test_nothing_is_foreseen_of_a_few_days(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    succeed(database, date(2026, 9, 24), "2026-09-24 17:00", "2026-09-24 17:30")
    time.set("2026-09-28 17:00")
    look(database)
    assert ahead(database)["predicted_at"] is None


def test_a_success_is_found_by_an_index(database: Database, time: Clock) -> None:
    if not database.is_sqlite:
        return
    statement = "SELECT id, finished_at FROM runs WHERE job = ? AND trade_date = ? AND status = 'succeeded'"
    with database.read() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, ("j", "2026-09-28")).fetchall()
    assert "ix_runs_job_trade_date (job=? AND trade_date=?)" in str(plan)
