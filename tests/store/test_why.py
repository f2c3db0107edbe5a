"""Each state in which a job's trade date can stand, and what is said of it."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app import clock
from app.store import claims, endings, firings, runs, saving, steps, why
from app.store.database import Connection, Database
from tests.store.conftest import began, new_run, register, succeeded
from tests.store.test_triggers import run
from tests.store.timed import Clock, define, look, prepare

MONDAY = date(2026, 9, 28)
AT_CLOSE = {"name": "s", "job": "j", "at": "close+30m", "calendar": "XSHG"}


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)
    database.write(lambda connection: prepare(connection, "j", "up", "top"))
    return clock_of_test


def explained(database: Database, day: date | None = MONDAY, job: str = "j", lack: str | None = None) -> dict[str, Any]:
    with database.read() as connection:
        return why.explain(connection, job, day, lack)


def states(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["job"], one["what"], one["state"]) for one in answer["reasons"]]


def chain(database: Database) -> None:
    """top, then up, then j: each by a trigger, the first by a schedule."""
    define(database, "schedule", {**AT_CLOSE, "job": "top"})
    define(database, "trigger", {"name": "t_up", "job": "up", "when": {"jobs": ["top"]}})
    define(database, "trigger", {"name": "t_j", "job": "j", "when": {"jobs": ["up"]}})


def test_nothing_fires_it(database: Database, time: Clock) -> None:
    answer = explained(database)
    assert answer["summary"] == (
        "j has not succeeded for 2026-09-28: no schedule and no trigger fires j: it runs when somebody asks for it."
    )
    assert states(answer) == [("j", "calendar", "session"), ("j", "job", "by_hand")]


def test_a_day_that_is_no_session(database: Database, time: Clock) -> None:
    define(database, "schedule", AT_CLOSE)
    answer = explained(database, date(2026, 10, 1))
    assert answer["summary"] == (
        "j has not succeeded for 2026-10-01: 2026-10-01 (Thu) is no session of XSHG: nothing was to run."
    )
    answer = explained(database, date(2026, 11, 2))
    assert answer["summary"].endswith("whether XSHG trades on 2026-11-02 is not known: its calendar ends 2026-10-30.")


def test_a_schedule_that_is_not_due_yet(database: Database, time: Clock) -> None:
    define(database, "schedule", AT_CLOSE)
    answer = explained(database)
    assert answer["summary"] == (
        "j has not succeeded for 2026-09-28: schedule 's' is not due yet: it comes at 2026-09-28T07:30:00.000000Z."
    )


def test_a_schedule_that_nobody_looks_at(database: Database, time: Clock) -> None:
    define(database, "schedule", AT_CLOSE)
    time.set("2026-09-28 16:00")
    assert "no process with the role 'scheduler' has looked at it" in explained(database)["summary"]


def test_a_schedule_that_was_made_after_its_moment(database: Database, time: Clock) -> None:
    time.set("2026-09-28 16:00")
    define(database, "schedule", AT_CLOSE)
    assert "an edit never fires the past" in explained(database)["summary"]
    assert explained(database)["reasons"][-1]["state"] == "too_new"


def test_a_schedule_that_missed_its_moment(database: Database, time: Clock) -> None:
    define(database, "schedule", {**AT_CLOSE, "catch_up": "skip"})
    time.set("2026-09-28 16:00")
    look(database)
    summary = explained(database)["summary"]
    assert "schedule 's' missed its moment at 2026-09-28T07:30:00.000000Z (late): the scheduler was not there" in summary


def test_a_paused_schedule_and_a_paused_job(database: Database, time: Clock) -> None:
    define(database, "schedule", AT_CLOSE)
    database.write(lambda connection: saving.pause(connection, "schedule", "s", paused=True))
    assert "schedule 's' is paused since 2026-09-28T00:00:00.000000Z; it would fire at" in explained(database)["summary"]
    time.set("2026-09-28 16:00")
    look(database)
    assert "schedule 's' was skipped at 2026-09-28T07:30:00.000000Z (paused)" in explained(database)["summary"]
    database.write(lambda connection: saving.pause(connection, "job", "j", paused=True))
    assert explained(database)["summary"].endswith("the job 'j' is paused since 2026-09-28T08:00:00.000000Z.")


def test_the_chain_is_told_up_to_what_it_hangs_on(database: Database, time: Clock) -> None:
    chain(database)
    answer = explained(database)
    assert states(answer) == [
        ("j", "calendar", "session"), ("j", "trigger", "waiting"),
        ("up", "calendar", "session"), ("up", "trigger", "waiting"),
        ("top", "calendar", "session"), ("top", "schedule", "not_due"),
    ]  # fmt: skip
    assert answer["summary"] == (
        "j has not succeeded for 2026-09-28: trigger 't_j' waits for up of 2026-09-28: trigger 't_up' waits for top of "
        "2026-09-28: schedule 's' is not due yet: it comes at 2026-09-28T07:30:00.000000Z."
    )


def test_a_failed_upstream_is_what_it_hangs_on(database: Database, time: Clock) -> None:
    chain(database)
    time.set("2026-09-28 15:30")
    database.write(lambda connection: register(connection, "w"))
    run_id = run(database, "top", fails=True)
    summary = explained(database)["summary"]
    assert summary.endswith(f"waits for top of 2026-09-28: run {run_id} failed in step 'a' (exception: no).")


def test_a_run_from_its_queue_to_its_end(database: Database, time: Clock) -> None:
    database.write(lambda connection: _queue(connection, "j"))
    assert explained(database)["summary"].endswith("is queued: no worker is alive.")
    assert explained(database, lack="room on the disk")["reasons"][0]["state"] == "queued"
    database.write(lambda connection: register(connection, "w"))
    (one,) = database.write(lambda connection: claims.claim(connection, "w", {"noop": "1"}, 1))
    done = succeeded("a")
    database.write(lambda connection: steps.record(connection, one.fence, [began("a")]))
    assert "is running: step 'a' since " in explained(database)["summary"]
    assert explained(database)["done"] is False
    database.write(lambda connection: endings.settle(connection, one.fence, guarded=steps.record(connection, one.fence, [done])))
    answer = explained(database)
    assert answer["summary"] == (
        f"Nothing to explain for 2026-09-28: run {one.fence.run_id} succeeded at 2026-09-28T00:00:00.000000Z."
    )
    assert answer["done"] is True


def test_a_run_that_was_cancelled(database: Database, time: Clock) -> None:
    run_id = database.write(lambda connection: _queue(connection, "j"))
    database.write(lambda connection: claims.request_cancel(connection, run_id))
    assert explained(database)["summary"].endswith(f"run {run_id} was cancelled at 2026-09-28T00:00:00.000000Z.")


def test_a_paused_trigger_and_one_that_waits_for_an_event(database: Database, time: Clock) -> None:
    define(database, "trigger", {"name": "e", "job": "j", "when": {"event": "ready"}})
    assert explained(database)["summary"].endswith("trigger 'e' waits for the event 'ready'.")
    database.write(lambda connection: saving.pause(connection, "trigger", "e", paused=True))
    assert explained(database)["reasons"][-1]["state"] == "paused"


def test_an_upstream_that_had_come_before_its_trigger(database: Database, time: Clock) -> None:
    database.write(lambda connection: register(connection, "w"))
    run(database, "up")
    define(database, "trigger", {"name": "t", "job": "j", "when": {"jobs": ["up"]}})
    assert "what it waits for had come before it was made" in explained(database)["summary"]


def test_jobs_that_wait_for_each_other_end_the_chain(database: Database, time: Clock) -> None:
    define(database, "trigger", {"name": "t1", "job": "j", "when": {"jobs": ["up"]}})
    define(database, "trigger", {"name": "t2", "job": "up", "when": {"jobs": ["j"]}})
    assert explained(database)["summary"].endswith("trigger 't2' waits for j of 2026-09-28: j is told of already.")


@pytest.mark.parametrize(("now", "expected"), [("2026-09-28 15:00", "2026-09-24"), ("2026-09-28 15:30", "2026-09-28")])
def test_without_a_date_it_is_the_newest_that_should_have_run(database: Database, time: Clock, now: str, expected: str) -> None:
    chain(database)
    time.set(now)
    assert explained(database, None)["trade_date"] == expected


def test_of_a_months_end_it_is_the_last_one_that_has_come(database: Database, time: Clock) -> None:
    define(database, "schedule", {**AT_CLOSE, "day": {"nth": -1, "of": "month"}})
    time.set("2026-09-30 15:30")
    look(database)
    time.set("2026-10-30 10:00")
    answer = explained(database, None)
    assert (answer["trade_date"], answer["reasons"][-1]["state"]) == ("2026-09-30", "queued")


def test_without_anything_that_fires_it_is_the_last_session_that_is_over(database: Database, time: Clock) -> None:
    time.set("2026-09-28 14:59")
    assert explained(database, None)["trade_date"] == "2026-09-24"
    time.set("2026-09-28 15:00")
    assert explained(database, None)["trade_date"] == "2026-09-28"


def test_the_number_of_questions_does_not_grow_with_history(database: Database, time: Clock) -> None:
    chain(database)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def asked() -> int:
        statements.clear()
        explained(database)
        return len(statements)

    few = asked()
    for day in range(40):
        database.write(lambda connection, day=day: _history(connection, day))
    assert asked() == few
    assert few < 60


def _history(connection: Connection, day: int) -> None:
    due = clock.now() - timedelta(days=day + 10)
    found = [
        firings.Firing("schedule", "s", 1, clock.iso(due), due, "fired", trade_date=due.date()),
        firings.Firing("trigger", "t_j", 1, f"k{day}", due, "fired", trade_date=due.date()),
    ]
    firings.note(connection, found)
    for job in ("j", "up", "top"):
        run_id = _queue(connection, job, due.date())
        claims.request_cancel(connection, run_id)


def _queue(connection: Connection, job: str, day: date = MONDAY) -> str:
    return runs.enqueue(connection, new_run(job, nodes=[("a", "noop")], trade_date=day, pools={f"job:{job}": 1})).id
