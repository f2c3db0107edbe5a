"""A run's events come in batches, split anywhere: what is written down is the same."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from app.store import endings, runs, steps
from app.store.database import Connection, Database
from app.store.fence import Fence
from tests.store.conftest import AT, began, claim, enqueue, failed, skipped, succeeded

NODES = [(name, "noop") for name in "abcd"]
EVENTS = [
    began("a"),
    succeeded("a", metrics={"record_count": 1}),
    began("b"),
    failed("b", retry_at=AT),
    began("b", 2),
    succeeded("b", 2, staged=[{"path": "x"}]),
    began("c"),
    failed("c"),
    skipped("d"),
]
_OWN = ("run_id", "run_attempt")


def written(database: Database, batches: Sequence[Sequence[Any]]) -> Any:
    """The rows that come of a run which reported these batches."""
    run_id = enqueue(database, nodes=NODES)
    fence = claim(database)
    assert fence is not None
    for batch in batches:
        database.write(lambda connection, batch=batch: record(connection, fence, batch))  # type: ignore[misc]
    assert database.write(lambda connection: endings.settle(connection, fence)) == "failed"
    return rows_of(database, run_id)


def rows_of(database: Database, run_id: str) -> Any:
    with database.read() as connection:
        found = [*runs.steps_of(connection, [run_id]), *sorted(runs.attempts_of(connection, run_id), key=_place)]
        return [{name: value for name, value in row.items() if name not in _OWN} for row in found]


def record(connection: Connection, fence: Fence, batch: Sequence[Any]) -> None:
    steps.record(connection, fence, list(batch))


def _place(row: Any) -> Any:
    return row["node"], row["attempt"]


@pytest.fixture
def whole(database: Database, job: str) -> Any:
    rows = written(database, [EVENTS])
    assert [row["status"] for row in rows] == [
        *("succeeded", "succeeded", "failed", "skipped"),
        *("succeeded", "failed", "succeeded", "failed"),
    ]
    return rows


def test_a_split_at_any_event_changes_nothing(database: Database, whole: Any) -> None:
    for at in range(1, len(EVENTS)):
        assert written(database, [EVENTS[:at], EVENTS[at:]]) == whole, f"split before event {at}"


def test_a_batch_that_was_written_without_an_answer_is_written_once(database: Database, whole: Any) -> None:
    for at in range(1, len(EVENTS)):
        run_id = enqueue(database, nodes=NODES)
        fence = claim(database)
        assert fence is not None
        for batch in (EVENTS[:at], EVENTS[at:]):
            for again in (False, True):
                database.write(partial(steps.record, fence=fence, events=batch, again=again))
        assert database.write(partial(endings.settle, fence=fence)) == "failed"
        assert rows_of(database, run_id) == whole, f"split before event {at}"
    query = text("SELECT count(*) FROM transitions WHERE subject = 'step' GROUP BY name")
    with database.read() as connection:
        assert set(connection.execute(query).scalars()) == {len(EVENTS)}


def test_each_event_alone_changes_nothing(database: Database, whole: Any) -> None:
    assert written(database, [[event] for event in EVENTS]) == whole
