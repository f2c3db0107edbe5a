"""How a run ends, decided from its steps: the ending is what happened."""

from typing import Any

import pytest

from app.store import claims, endings, runs, steps
from app.store.database import Database
from app.store.status import RunStatus
from tests.store.conftest import began, claim, enqueue, failed, row, succeeded

CUT_SHORT = [began("a"), failed("a", reason="cancelled")]
DONE = [began("a"), succeeded("a"), began("b"), succeeded("b")]
BROKEN = [began("a"), succeeded("a"), began("b"), failed("b")]


@pytest.mark.parametrize(
    ("events", "ending"),
    [(CUT_SHORT, "cancelled"), (DONE, "succeeded"), (BROKEN, "failed"), ([began("a"), succeeded("a")], "cancelled")],
    ids=["cut short by it", "everything was done", "the last step failed by itself", "a step is left to do"],
)
def test_a_run_that_was_asked_to_stop_ends_as_what_happened(database: Database, job: str, events: list[Any], ending: str) -> None:
    run = enqueue(database)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: claims.request_cancel(connection, run))
    database.write(lambda connection: steps.record(connection, fence, events))
    assert database.write(lambda connection: endings.settle(connection, fence)) is RunStatus(ending)
    expected = {"cancelled": "cancelled", "failed": "exception"}.get(ending)
    assert row(database, run)["reason"] == expected


def test_a_step_that_was_cut_short_is_cancelled_and_keeps_nothing(database: Database, job: str) -> None:
    run = enqueue(database)
    fence = claim(database)
    assert fence is not None
    database.write(lambda connection: claims.request_cancel(connection, run))
    database.write(lambda connection: steps.record(connection, fence, CUT_SHORT[:1]))
    database.write(lambda connection: steps.record(connection, fence, CUT_SHORT[1:]))
    database.write(lambda connection: endings.settle(connection, fence))
    with database.read() as connection:
        first, second = runs.steps_of(connection, [run])
        (attempt,) = runs.attempts_of(connection, run)
    assert (first["status"], first["reason"], first["failures"], first["outputs"]) == ("cancelled", "cancelled", 0, None)
    assert (attempt["status"], attempt["reason"]) == ("cancelled", "cancelled")
    assert (second["status"], second["reason"]) == ("cancelled", "cancelled")
