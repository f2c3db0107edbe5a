"""How a run ends, decided from its steps: the ending is what happened."""

from typing import Any

import pytest

from app.store import claims, endings, steps
from app.store.database import Database
from app.store.status import RunStatus
from tests.store.conftest import began, claim, enqueue, failed, row, skipped, succeeded

CUT_SHORT = [began("a"), failed("a", reason="cancelled"), skipped("b")]
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
