"""What is promised for each trade date is known whatever ran, and whether nothing did."""

from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text

from app import clock
from app.store import acceptance, catalogue, deadlines, promises, runs, saving
from app.store.acceptance import Cause, RunRequest
from app.store.database import Connection, Database
from app.store.tables import transitions
from tests.store.timed import SESSIONS, SHANGHAI, Clock, at, define, plant, prepare

EVENING = {"name": "d", "job": "j", "at": "20:00"}
MONDAY = date(2026, 9, 28)


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)
    database.write(prepare)
    return clock_of_test


def succeed(database: Database, day: date, began: str, ended: str, job: str = "j", *, told: bool = True) -> str:
    """A run of that trade date, at work from one time of Shanghai to another; its ending is told as the real one is."""

    def work(connection: Connection) -> str:
        new = acceptance.accept(connection, catalogue.current(connection), job, RunRequest(), Cause())
        run_id = runs.enqueue(connection, new).id
        at_work(connection, run_id, day, began)
        micro = "finished_at = :at" if database.is_sqlite else "finished_at = CAST(:at AS timestamptz)"
        connection.execute(
            text(f"UPDATE runs SET status = 'succeeded', worker = NULL, {micro} WHERE id = :id"),
            {"at": _stored(database, ended), "id": run_id},
        )
        if told:
            deadlines.run_succeeded(connection, run_id, job)
        return run_id

    return database.write(work)


def at_work(connection: Connection, run_id: str, day: date, began: str) -> None:
    micro = connection.dialect.name == "sqlite"
    value = int(at(began).timestamp()) * 1_000_000 if micro else at(began).isoformat()
    started = ":at" if micro else "CAST(:at AS timestamptz)"
    trade_date = ":day" if micro else "CAST(:day AS date)"
    connection.execute(
        text(
            f"UPDATE runs SET status = 'running', worker = 'w', attempt = 1, started_at = {started}, trade_date = {trade_date} "
            "WHERE id = :id"
        ),
        {"at": value, "day": day.isoformat(), "id": run_id},
    )


def _stored(database: Database, when: str) -> Any:
    return int(at(when).timestamp()) * 1_000_000 if database.is_sqlite else at(when).isoformat()


def look(database: Database) -> list[promises.Promised]:
    with database.read() as connection:
        names = deadlines.due(connection, clock.now(), 10)
    return [found for name in names for found in database.write(partial(evaluate, name=name))]


def evaluate(connection: Connection, name: str = "d") -> list[promises.Promised]:
    return deadlines.evaluate(connection, name, clock.now())


def told(database: Database, name: str = "d") -> list[tuple[str, str, str | None]]:
    """Each trade date, its outcome, and when it was kept in Shanghai; the earliest first."""
    with database.read() as connection:
        rows = promises.page(connection, name, limit=500)
    return [
        (
            row["trade_date"].isoformat()[5:],
            row["outcome"],
            row["met_at"].astimezone(SHANGHAI).strftime("%m-%d %H:%M") if row["met_at"] else None,
        )
        for row in reversed(rows)
    ]


def heard(database: Database) -> list[tuple[str, str | None]]:
    """The outcomes that streams hear of, each with its trade date."""
    query = select(transitions.c.to_status, transitions.c.reason).where(
        transitions.c.subject == "deadline", transitions.c.job == "j"
    )
    with database.read() as connection:
        return [(row.to_status, row.reason) for row in connection.execute(query.order_by(transitions.c.seq))]


def test_it_is_known_that_nothing_ever_ran(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 19:59")
    assert look(database) == []
    assert told(database) == [("09-28", "open", None)]
    time.set("2026-09-28 20:00")
    (found,) = look(database)
    assert (found.outcome, found.detail) == ("missing", "no run of 'j' has succeeded for 2026-09-28")
    assert look(database) == []
    assert heard(database) == [("missing", "2026-09-28")]


def test_holidays_and_weekends_promise_nothing(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-10-09 21:00")
    look(database)
    days = ["09-28", "09-29", "09-30", "10-08", "10-09"]
    assert told(database) == [(day, "missing", None) for day in days]


def test_a_run_in_time_keeps_it_in_its_own_transaction(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 19:00")
    succeed(database, MONDAY, "2026-09-28 18:30", "2026-09-28 19:00")
    assert told(database) == [("09-28", "met", "09-28 19:00")]
    time.set("2026-09-28 20:00")
    look(database)
    succeed(database, MONDAY, "2026-09-28 21:30", "2026-09-28 22:00")
    assert told(database) == [("09-28", "met", "09-28 19:00")], "the first one counts"
    assert heard(database) == []


def test_a_run_that_comes_late_says_by_how_much(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 20:00")
    look(database)
    time.set("2026-09-28 21:31")
    run_id = succeed(database, MONDAY, "2026-09-28 20:30", "2026-09-28 21:31")
    assert told(database) == [("09-28", "late", "09-28 21:31")]
    assert heard(database) == [("missing", "2026-09-28"), ("late", "2026-09-28")]
    (found,) = look(database)
    assert (found.outcome, found.run_id, found.detail) == ("late", run_id, "late by 91 min"), "the timekeeper says it in the log"
    assert look(database) == []


def test_an_outage_is_gone_over_and_tells_in_time_from_late(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-30 23:00")
    succeed(database, MONDAY, "2026-09-28 18:30", "2026-09-28 19:00", told=False)
    succeed(database, MONDAY, "2026-09-28 20:30", "2026-09-28 21:00", told=False)
    succeed(database, date(2026, 9, 29), "2026-09-29 20:30", "2026-09-29 21:00", told=False)
    look(database)
    assert told(database) == [("09-28", "met", "09-28 19:00"), ("09-29", "late", "09-29 21:00"), ("09-30", "missing", None)]


def test_a_run_without_or_of_another_trade_date_keeps_nothing(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 20:00")
    succeed(database, date(2026, 9, 24), "2026-09-28 18:30", "2026-09-28 19:00")
    look(database)
    assert told(database) == [("09-28", "missing", None)], "and of a day from before it was made nothing was promised"


def test_the_next_session_may_be_the_limit(database: Database, time: Clock) -> None:
    define(database, "deadline", {**EVENING, "at": "open-30m", "day": "T+1"})
    time.set("2026-10-08 08:59")
    look(database)
    assert ("09-30", "open", None) in told(database)
    time.set("2026-10-08 09:00")
    look(database)
    assert ("09-30", "missing", None) in told(database)
    with database.read() as connection:
        row = promises.one(connection, "d", date(2026, 9, 30))
    assert row is not None
    assert row["due_at"] == at("2026-10-08 09:00"), "the National Day holiday lies between"


def test_past_the_horizon_it_is_held_until_the_calendar_says_more(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-10-30 21:00")
    look(database)
    time.set("2026-11-03 21:00")
    look(database)
    assert told(database)[-2:] == [("11-02", "held", None), ("11-03", "held", None)]
    assert ("held", "2026-11-02") not in heard(database)
    database.write(lambda connection: plant(connection, [*SESSIONS, date(2026, 11, 3)], date(2026, 11, 6)))
    look(database)
    assert told(database)[-2:] == [("11-02", "excused", None), ("11-03", "missing", None)]


def test_what_comes_while_it_is_paused_is_excused(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    database.write(lambda connection: saving.pause(connection, "deadline", "d", paused=True))
    time.set("2026-09-28 21:00")
    database.write(lambda connection: saving.pause(connection, "deadline", "d", paused=False))
    time.set("2026-09-29 21:00")
    look(database)
    assert told(database) == [("09-28", "excused", None), ("09-29", "missing", None)]


def test_an_edit_breaks_no_promise_and_moves_what_is_open(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 19:00")
    look(database)
    define(database, "deadline", {**EVENING, "at": "18:00"})
    assert told(database) == [("09-28", "excused", None)]
    time.set("2026-09-29 10:00")
    look(database)
    define(database, "deadline", {**EVENING, "at": "22:00"})
    time.set("2026-09-29 21:00")
    look(database)
    assert told(database)[1:] == [("09-29", "open", None)]
    time.set("2026-09-29 22:00")
    look(database)
    assert told(database)[1:] == [("09-29", "missing", None)]


def test_a_day_that_the_exchange_closes_is_excused(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 12:00")
    look(database)
    database.write(lambda connection: plant(connection, [day for day in SESSIONS if day != MONDAY]))
    time.set("2026-09-28 20:00")
    look(database)
    assert told(database) == [("09-28", "excused", None)]


def test_one_that_is_deleted_promises_no_more(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-28 12:00")
    look(database)
    database.write(lambda connection: saving.delete(connection, "deadline", "d"))
    time.set("2026-09-29 21:00")
    assert look(database) == []
    succeed(database, MONDAY, "2026-09-28 18:30", "2026-09-28 19:00")
    assert told(database) == [("09-28", "excused", None)]


def test_a_clock_that_ran_ahead_decides_nothing_for_good(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-30 12:00")
    look(database)
    time.set("2026-09-28 12:00")
    database.write(lambda connection: deadlines.set_back(connection, clock.now()))
    look(database)
    assert told(database) == [("09-28", "open", None), ("09-29", "open", None), ("09-30", "open", None)]
    succeed(database, MONDAY, "2026-09-28 18:30", "2026-09-28 19:00")
    time.set("2026-09-29 20:00")
    look(database)
    assert told(database) == [("09-28", "met", "09-28 19:00"), ("09-29", "missing", None), ("09-30", "open", None)]


def test_a_dataset_is_what_counts_where_one_is_named(database: Database, time: Clock) -> None:
    define(database, "deadline", {**EVENING, "dataset": "scores"})
    time.set("2026-09-28 20:00")
    succeed(database, MONDAY, "2026-09-28 18:30", "2026-09-28 19:00")
    look(database)
    assert told(database) == [("09-28", "missing", None)]

    def publish(connection: Connection) -> None:
        from sqlalchemy import insert

        from app.store.tables import dataset_versions, snapshots

        connection.execute(insert(snapshots).values(snapshot=1, published_at=clock.now(), kind="publish"))
        version = {"dataset": "scores", "version": 1, "snapshot": 1, "rows": 1, "bytes": 1, "facts": {}}
        connection.execute(insert(dataset_versions).values(**version, max_date=MONDAY))

    time.set("2026-09-28 20:45")
    database.write(publish)
    time.set("2026-09-29 09:30")
    look(database)
    assert told(database)[0] == ("09-28", "late", "09-28 20:45")
