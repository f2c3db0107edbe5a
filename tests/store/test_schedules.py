"""Every moment of a schedule is decided once, by whom ever, and the ledger says how."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest

from app import clock
from app.store import runs, saving, schedules
from app.store.database import Connection, Database
from app.store.status import RunStatus
from tests.store.timed import SESSIONS, Clock, define, ledger, look, plant, prepare

MORNING = {"name": "s", "job": "j", "cron": "0 9 * * 1-5", "calendar": "XSHG", "trade_date": "previous"}


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)
    database.write(prepare)
    return clock_of_test


def listed(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(reversed(runs.page(connection, runs.Filter(), None, 500)))


def end(database: Database, run_id: str) -> None:
    from app.store import claims

    database.write(lambda connection: claims.request_cancel(connection, run_id))


def test_it_fires_when_its_time_has_come_and_not_before(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    time.set("2026-09-28 08:59")
    assert look(database) == []
    time.set("2026-09-28 09:00")
    (fired,) = look(database)
    assert fired.outcome == "fired"
    assert look(database) == []
    (run,) = listed(database)
    assert (run["id"], run["job"], run["trade_date"]) == (fired.run_id, "j", date(2026, 9, 24))
    assert (run["cause_type"], run["cause_name"], run["status"]) == ("schedule", "s", RunStatus.queued)
    assert ledger(database) == [("09-28 09:00", "fired", None, "09-24")]


def test_closed_days_are_written_down_as_skipped(database: Database, time: Clock) -> None:
    define(database, "schedule", {**MORNING, "catch_up": "all", "overlap": "queue"})
    time.set("2026-10-08 09:00")
    look(database)
    assert ledger(database) == [
        ("09-28 09:00", "fired", None, "09-24"),
        ("09-29 09:00", "fired", None, "09-28"),
        ("09-30 09:00", "fired", None, "09-29"),
        *((f"10-0{day} 09:00", "skipped", "holiday", None) for day in (1, 2, 5, 6, 7)),
        ("10-08 09:00", "fired", None, "09-30"),
    ]


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [("latest", ["missed", "missed", "fired"]), ("all", ["fired"] * 3), ("skip", ["missed"] * 3)],
)
def test_an_outage_is_caught_up_as_the_schedule_says(database: Database, time: Clock, rule: str, outcomes: list[str]) -> None:
    define(database, "schedule", {**MORNING, "catch_up": rule, "overlap": "queue"})
    time.set("2026-09-30 12:00")
    look(database)
    assert [row[1] for row in ledger(database)] == outcomes
    assert len(listed(database)) == outcomes.count("fired")


def test_a_long_outage_is_worked_off_in_parts_and_counted(database: Database, time: Clock) -> None:
    define(database, "schedule", {"name": "s", "job": "j", "cron": "* * * * *"})
    time.set("2026-09-30 08:00")
    look(database)
    with database.read() as connection:
        from app.store import firings

        rows = firings.page(connection, "schedule", "s", limit=10_000)
    assert sum(row["times"] for row in rows) == 48 * 60
    assert len(rows) < 2 * schedules.KEPT
    assert [row["outcome"] for row in rows].count("fired") == 1
    assert max(rows, key=lambda row: row["due_at"])["outcome"] == "fired"


def test_an_edit_never_fires_the_past(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    time.set("2026-09-28 12:00")
    define(database, "schedule", {**MORNING, "cron": "0 10 * * 1-5"})
    assert ledger(database) == [("09-28 09:00", "fired", None, "09-24")], "what came before was decided by the version before"
    look(database)
    assert len(ledger(database)) == 1
    time.set("2026-09-29 10:00")
    look(database)
    assert ledger(database)[1:] == [("09-29 10:00", "skipped", "overlap", "09-28")] or len(listed(database)) == 2


def test_what_comes_while_it_is_paused_is_skipped_and_stays_so(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    database.write(lambda connection: saving.pause(connection, "schedule", "s", paused=True))
    time.set("2026-09-29 08:00")
    database.write(lambda connection: saving.pause(connection, "schedule", "s", paused=False))
    time.set("2026-09-29 09:00")
    look(database)
    assert ledger(database) == [("09-28 09:00", "skipped", "paused", "09-24"), ("09-29 09:00", "fired", None, "09-28")]


def test_a_paused_job_is_not_fired(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    database.write(lambda connection: saving.pause(connection, "job", "j", paused=True))
    time.set("2026-09-28 09:00")
    look(database)
    assert ledger(database) == [("09-28 09:00", "skipped", "job_paused", "09-24")]


def test_a_run_of_that_trade_date_that_is_open_is_enough(database: Database, time: Clock) -> None:
    define(database, "schedule", {**MORNING, "cron": "0 9,10 * * 1-5"})
    for hour in ("09", "10"):
        time.set(f"2026-09-28 {hour}:00")
        look(database)
    assert ledger(database) == [("09-28 09:00", "fired", None, "09-24"), ("09-28 10:00", "skipped", "overlap", "09-24")]
    end(database, listed(database)[0]["id"])
    time.set("2026-09-29 09:00")
    look(database)
    assert ledger(database)[-1] == ("09-29 09:00", "fired", None, "09-28")


def test_params_that_the_job_takes_no_more_fail_the_firing_not_the_scheduler(database: Database, time: Clock) -> None:
    define(database, "schedule", {**MORNING, "params": {"gone": 1}})
    time.set("2026-09-28 09:00")
    look(database)
    assert ledger(database) == [("09-28 09:00", "failed", "refused", "09-24")]


def test_past_the_horizon_it_is_held_until_the_calendar_says_more(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    time.set("2026-10-30 12:00")
    look(database)
    for run in listed(database):
        end(database, run["id"])
    time.set("2026-11-03 12:00")
    look(database)
    assert ledger(database)[-2:] == [
        ("11-02 09:00", "held", "unknown_day", "11-02"),
        ("11-03 09:00", "held", "unknown_day", "11-03"),
    ]

    def extend(connection: Connection) -> None:
        plant(connection, [*SESSIONS, date(2026, 11, 3)], date(2026, 11, 6))

    database.write(extend)
    look(database)
    assert ledger(database)[-2:] == [("11-02 09:00", "skipped", "holiday", None), ("11-03 09:00", "fired", None, "10-30")]


def test_a_moment_that_the_calendar_takes_back_is_none(database: Database, time: Clock) -> None:
    define(database, "schedule", {"name": "s", "job": "j", "at": "close", "day": {"nth": -1, "of": "week"}, "calendar": "XSHG"})
    time.set("2026-11-08 12:00")
    look(database)
    assert ledger(database)[-1] == ("11-06 15:00", "held", "unknown_day", "11-06")

    def extend(connection: Connection) -> None:
        plant(connection, [*SESSIONS, *(date(2026, 11, day) for day in (2, 3, 4, 5))], date(2026, 11, 8))

    database.write(extend)
    look(database)
    assert ledger(database)[-1] == ("11-06 15:00", "skipped", "no_moment", None)


def test_a_moment_that_turns_out_to_have_been_one_is_caught_up(database: Database, time: Clock) -> None:
    define(database, "schedule", {"name": "s", "job": "j", "at": "open", "day": {"nth": 1, "of": "month"}, "calendar": "XSHG"})
    time.set("2026-11-06 12:00")
    look(database)
    assert ledger(database)[-1] == ("11-02 09:30", "held", "unknown_day", "11-02"), "as far as is known, the first weekday"
    november = [date(2026, 11, day) for day in (4, 5, 6)]
    database.write(lambda connection: plant(connection, [*SESSIONS, *november], date(2026, 11, 6)))
    look(database)
    assert ledger(database)[-2:] == [("11-02 09:30", "skipped", "no_moment", None), ("11-04 09:30", "fired", None, "11-04")]


def test_of_thousands_that_were_held_the_newest_are_caught_up_and_each_is_accounted_for(database: Database, time: Clock) -> None:
    document = {"name": "s", "job": "j", "cron": "*/5 * * * *", "calendar": "XSHG"}
    time.set("2026-10-30 23:59")
    define(database, "schedule", document)
    for day in range(1, 12):
        time.set(f"2026-11-{day:02} 00:00")
        look(database)
    held = len(ledger(database))
    assert {row[1] for row in ledger(database)} == {"held"}
    november = [date(2026, 11, day) for day in range(2, 12) if day not in (7, 8)]
    database.write(lambda connection: plant(connection, [*SESSIONS, *november], date(2026, 11, 11)))
    evaluations = 0
    with database.read() as connection:
        due = schedules.due(connection, clock.now(), 10)
    while due:
        database.write(lambda connection: schedules.evaluate(connection, "s", clock.now()))
        evaluations += 1
        with database.read() as connection:
            due = schedules.due(connection, clock.now(), 10)
    found = [row[1] for row in ledger(database)]
    assert len(found) == held > 2 * schedules.KEPT
    assert found.count("fired") == 1
    assert set(found) == {"fired", "missed", "skipped"}
    assert evaluations < 5


def test_a_deletion_leaves_no_moment_undecided(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    time.set("2026-09-28 09:00")
    database.write(lambda connection: saving.delete(connection, "schedule", "s"))
    assert [row[1] for row in ledger(database)] == ["fired"]


def test_an_edit_after_a_long_outage_accounts_for_every_moment(database: Database, time: Clock) -> None:
    define(database, "schedule", {"name": "s", "job": "j", "cron": "* * * * *"})
    time.set("2026-10-12 08:00")
    define(database, "schedule", {"name": "s", "job": "j", "cron": "0 9 * * *"})
    with database.read() as connection:
        from app.store import firings

        rows = firings.page(connection, "schedule", "s", limit=10_000)
    assert sum(row["times"] for row in rows) == 14 * 24 * 60


def test_a_calendar_that_is_not_there_yet_holds_everything(database: Database, time: Clock) -> None:
    define(database, "schedule", {**MORNING, "calendar": "NEW"})
    time.set("2026-09-28 09:30")
    with database.read() as connection:
        assert schedules.due(connection, clock.now(), 10) == ["s"]
    assert database.write(lambda connection: schedules.evaluate(connection, "s", clock.now())) == []
    assert ledger(database) == []


@pytest.mark.parametrize("step", [timedelta(minutes=2), timedelta(days=30)])
def test_a_clock_that_is_set_forwards_and_back_fires_nothing_twice(database: Database, time: Clock, step: timedelta) -> None:
    define(database, "schedule", {"name": "s", "job": "j", "cron": "*/10 9-15 * * *", "overlap": "queue"})
    time.set("2026-09-28 09:00")
    look(database)
    time.now += step
    look(database)
    fired_ahead = [row for row in ledger(database) if row[1] == "fired"]
    time.set("2026-09-28 09:01")
    database.write(lambda connection: schedules.set_back(connection, clock.now()))
    look(database)
    assert [row for row in ledger(database) if row[1] == "fired"] == fired_ahead
    for minute in (10, 20, 30):
        time.set(f"2026-09-28 09:{minute}")
        look(database)
    fired = [row[0] for row in ledger(database) if row[1] == "fired"]
    assert {"09-28 09:00", "09-28 09:10", "09-28 09:20", "09-28 09:30"} <= set(fired), "its time came really, later"
    assert len(listed(database)) == len(fired) == len(set(fired))


def test_any_number_of_schedulers_fire_once(database: Database, time: Clock) -> None:
    define(database, "schedule", {"name": "s", "job": "j", "cron": "* * * * *", "overlap": "queue", "catch_up": "all"})
    time.set("2026-09-28 08:20")
    together = threading.Barrier(4)

    def scheduler() -> None:
        together.wait()
        for _ in range(5):
            database.write(lambda connection: schedules.evaluate(connection, "s", clock.now()))

    racing = [threading.Thread(target=scheduler) for _ in range(4)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert [row[1] for row in ledger(database)] == ["fired"] * 20
    assert len(listed(database)) == 20


def test_a_schedule_that_is_deleted_fires_no_more(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    database.write(lambda connection: saving.delete(connection, "schedule", "s"))
    time.set("2026-09-28 09:00")
    assert look(database) == []
    with database.read() as connection:
        assert schedules.next_at(connection) is None


def test_the_newest_published_trade_date_and_nothing_new(database: Database, time: Clock) -> None:
    from sqlalchemy import insert

    from app.store.tables import dataset_versions, snapshots

    define(database, "schedule", {"name": "s", "job": "j", "cron": "0 15 * * 1-5", "trade_date": "latest_published"})
    time.set("2026-09-28 15:00")
    look(database)
    assert ledger(database)[-1] == ("09-28 15:00", "skipped", "nothing_new", None)

    def publish(connection: Connection) -> None:
        connection.execute(insert(snapshots).values(snapshot=1, published_at=clock.now(), kind="publish"))
        bars = {"dataset": "daily_bars", "version": 1, "snapshot": 1, "rows": 1, "bytes": 1, "facts": {}}
        connection.execute(insert(dataset_versions).values(**bars, max_date=date(2026, 9, 28)))

    database.write(publish)
    time.set("2026-09-29 15:00")
    look(database)
    assert ledger(database)[-1] == ("09-29 15:00", "fired", None, "09-28")

    def finish(connection: Connection) -> None:
        from sqlalchemy import text

        connection.execute(
            text("UPDATE runs SET status = 'running', worker = 'w', started_at = queued_at, attempt = 1, read_snapshot = 1")
        )
        connection.execute(text("UPDATE runs SET status = 'succeeded', worker = NULL, finished_at = queued_at"))

    database.write(finish)
    time.set("2026-09-30 15:00")
    look(database)
    assert ledger(database)[-1] == ("09-30 15:00", "skipped", "nothing_new", "09-28")


def test_the_next_moment_is_found_by_an_index(database: Database, time: Clock) -> None:
    define(database, "schedule", MORNING)
    if not database.is_sqlite:
        return
    from sqlalchemy import select

    from app.store.tables import definitions as rows

    with database.read() as connection:
        wanted = select(rows.c.name).where(rows.c.kind == "schedule", rows.c.next_at <= clock.now())
        text = str(wanted.compile(connection, compile_kwargs={"literal_binds": False}))
        plan = " ".join(
            str(row[3]) for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, ("schedule", 0)).fetchall()
        )
    assert "ix_definitions_next" in plan
