"""What a queued run waits for, in words that its owner understands."""

from datetime import timedelta
from typing import Any

from app import clock
from app.store import claims, definitions, endings, pools, runs, steps, views
from app.store.database import Connection, Database
from app.store.waiting import Queue
from tests.store.conftest import began, claim, enqueue, failed, make_job, row, skipped

LATER = "2100-01-01T00:00:00.000000Z"


def why(database: Database, run: str) -> str | None:
    with database.read() as connection:
        return Queue(connection).reason(row(database, run))


def test_a_limit_is_said_in_the_users_words(database: Database, job: str) -> None:
    def shrink(connection: Connection) -> None:
        pools.resize(connection, "narrow", 5)
        pools.resize(connection, "narrow", 1)

    assert claim(database) is None
    running, behind, greedy = enqueue(database), enqueue(database), enqueue(database, pools={"job:j": 1, "narrow": 5})
    database.write(shrink)
    assert claim(database, "other") is not None
    assert why(database, running) is None
    assert why(database, behind) == "the job's max_concurrent_runs (1) is reached"
    assert why(database, greedy) == "room in the pool 'narrow': it needs 5, the pool has only 1"
    with database.read() as connection:
        listed = views.run_views(connection, [runs.get(connection, one) for one in (running, behind)], with_steps=False)
    assert [one["waiting_for"] for one in listed] == [None, "the job's max_concurrent_runs (1) is reached"]


def test_workers_that_are_all_busy_are_counted(database: Database) -> None:
    database.write(lambda connection: make_job(connection, size=9))
    _, second, third = (enqueue(database) for _ in range(3))
    later = clock.now() + timedelta(hours=1)
    assert claim(database, "w") is not None
    assert why(database, second) == "a free slot: the living workers have 1, all of them taken"
    assert claim(database, "other") is not None
    assert why(database, third) == "a free slot: the living workers have 2, all of them taken"
    database.write(lambda connection: endings.hand_back(connection, claims.held_by(connection, "w")[0], later))
    assert why(database, third) == "its turn: a worker will claim it"


def delayed(database: Database, *events: Any, **changes: Any) -> str:
    nodes = [{"id": "a", "op": "noop", "retry": {"max_retries": 2, "delay": 60}}, {"id": "b", "op": "noop"}]
    database.write(
        lambda connection: definitions.save(connection, "pipeline", {"name": "p", "nodes": nodes}, "p", by="test", uses=None)
    )
    run = enqueue(database, **changes)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: steps.record(connection, fence, [began("a"), *events]))
    database.write(lambda connection: endings.settle(connection, fence))
    return run


def test_a_retry_says_which_step_failed_and_which_try_comes_when(database: Database, job: str) -> None:
    run = delayed(database, failed("a", retry_at=LATER))
    assert why(database, run) == f"a failed (ValueError: no); try 2 of 3 at {LATER}"


def test_so_does_a_retry_of_the_whole_run(database: Database, job: str) -> None:
    run = delayed(database, failed("a"), skipped("b"), retry={"max_retries": 1, "delay": 3600})
    due = clock.iso(row(database, run)["due_at"])
    assert why(database, run) == f"a failed (ValueError: no); try 2 of 2 of the run at {due}"


def test_a_run_that_is_due_later_by_itself_says_so(database: Database, job: str) -> None:
    due = clock.now() + timedelta(hours=1)
    assert claim(database) is None
    assert why(database, enqueue(database, due_at=due)) == f"its due time, {clock.iso(due)}"


def test_a_step_that_is_cancelled_in_the_queue_says_why(database: Database, job: str) -> None:
    run = enqueue(database)
    database.write(lambda connection: claims.request_cancel(connection, run))
    with database.read() as connection:
        assert [(step["status"], step["reason"]) for step in runs.steps_of(connection, [run])] == [("cancelled", "cancelled")] * 2
