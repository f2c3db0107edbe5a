"""Why an attempt ended and its run did not: said by the attempt, its step and the run, whoever ended it."""

from datetime import timedelta
from typing import Any

import pytest

from app import clock
from app.store import endings, rescues, revival, runs, steps
from app.store.database import Connection, Database
from app.store.fence import Fence
from tests.store.conftest import began, claim, enqueue, failed, row, skipped, succeeded

WORKER = "The worker process 1 on h"
LATER = clock.iso(clock.now() + timedelta(hours=1))


def _hand_back(connection: Connection, fence: Fence) -> Any:
    return endings.hand_back(connection, fence)


def _rescue(connection: Connection, fence: Fence) -> Any:
    return rescues.rescue(connection, fence.worker, "stopped renewing its lease")


def _restore(connection: Connection, fence: Fence) -> Any:
    return revival.hand_back_all(connection)


@pytest.mark.parametrize(
    ("end", "reason", "sentence"),
    [
        (_hand_back, "interrupted", f"{WORKER} was stopped while it ran."),
        (_rescue, "lease_lost", f"{WORKER} stopped renewing its lease while it ran."),
        (_restore, "interrupted", "The database was restored from a backup that was made while it ran."),
    ],
    ids=["a stop", "a lost worker", "a restore"],
)
def test_what_interrupted_a_step_is_said_everywhere(database: Database, job: str, end: Any, reason: str, sentence: str) -> None:
    run = enqueue(database)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: steps.record(connection, fence, [began("a"), succeeded("a"), began("b")]))
    database.write(lambda connection: end(connection, fence))
    assert (row(database, run)["status"], row(database, run)["interruption"]) == ("queued", sentence)
    with database.read() as connection:
        told = [*runs.attempts_of(connection, run), *runs.steps_of(connection, [run])]
    for interrupted in [one for one in told if one["node"] == "b"]:
        assert (interrupted["reason"], interrupted["error"]) == (reason, {"type": reason, "message": sentence})


def test_a_run_that_lost_its_third_service_says_how_the_last_one_went(database: Database, job: str) -> None:
    run = enqueue(database)
    for attempt in range(1, 4):
        fence = claim(database, f"w{attempt}")
        assert fence is not None
        database.write(lambda connection, fence=fence, n=attempt: steps.record(connection, fence, [began("a", n)]))
        database.write(lambda connection, fence=fence: rescues.rescue(connection, fence.worker, "ended"))
    ended = row(database, run)
    assert ended["reason"] == "crash_loop"
    assert f"lost 3 times. The last time: {WORKER} ended while it ran." in ended["error"]["message"]
    with database.read() as connection:
        step = runs.steps_of(connection, [run])[0]
        attempts = runs.attempts_of(connection, run)
    assert [one["error"]["message"] for one in [step, *attempts]] == [f"{WORKER} ended while it ran."] * 4


@pytest.mark.parametrize("retry", [None, {"max_retries": 1, "delay": 3600}])
def test_a_delay_says_what_failed(database: Database, job: str, retry: Any) -> None:
    run = enqueue(database, retry=retry)
    fence = claim(database)
    assert fence is not None
    rest = [skipped("b")] if retry else []
    event = failed("a", retry_at=None if retry else LATER)
    database.write(lambda connection: steps.record(connection, fence, [began("a"), event, *rest]))
    database.write(lambda connection: endings.settle(connection, fence))
    assert (row(database, run)["status"], row(database, run)["interruption"]) == ("queued", "a failed (ValueError: no).")
