"""A run made again: what is missing for it is told whole; what it makes is compared with what was published."""

from datetime import timedelta
from typing import Any

import pytest

from app import clock
from app.errors import Conflict
from app.manager.reproducing import JOB, reproduction_of
from app.store import catalogue, claims, lake, reproduction, retention, runs
from app.store.database import Connection, Database
from app.store.fence import Fence, guard
from app.store.status import RunStatus
from tests.store.conftest import claim
from tests.store.test_lake import publication, publish, staged
from tests.store.test_releases import claimed
from tests.store.timed import prepare


@pytest.fixture
def original(database: Database) -> Fence:
    """A run that published bars twice and scores once, and has succeeded."""

    def plant(connection: Connection) -> None:
        prepare(connection, "j", JOB, calendar=None)

    database.write(plant)
    first = claimed(database)
    publish(database, first, staged("a-2026-10"))
    fence = claimed(database)
    database.write(lambda connection: lake.base(connection, fence))
    publish(database, fence, staged("b-2026-10", "a-2026-10"), staged("s-2026-10", dataset="scores"))
    publish(database, fence, staged("c-2026-10", "b-2026-10"))
    for each in (first, fence):
        end(database, each)
    return fence


def end(database: Database, fence: Fence, status: RunStatus = RunStatus.succeeded) -> None:
    database.write(lambda connection: claims.finish(connection, fence, guard(connection, fence), status))


def reproduce(database: Database, run_id: str) -> Fence:
    """The claimed run that reproduces it."""

    def enqueue(connection: Connection) -> None:
        runs.enqueue(connection, reproduction_of(connection, catalogue.current(connection), run_id))

    database.write(enqueue)
    found = claim(database)
    assert found is not None
    return found


def compare(database: Database, fence: Fence, original: Fence, *files: Any) -> Any:
    named = publication(*files)
    state = database.write(lambda connection: reproduction.compare(connection, fence, named, original.run_id))
    with database.read() as connection:
        return state["snapshot"], runs.get(connection, fence.run_id)["comparison"]


def missing(database: Database, run_id: str) -> list[tuple[str, str]]:
    with database.read() as connection, pytest.raises(Conflict) as refused:
        reproduction_of(connection, catalogue.current(connection), run_id)
    return [(fault.pointer, fault.message) for fault in refused.value.faults]


def test_it_builds_on_what_stood_before_and_is_compared_with_all_that_was_published(database: Database, original: Fence) -> None:
    fence = reproduce(database, original.run_id)
    assert database.write(lambda connection: lake.base(connection, fence))["snapshot"] == 1
    with database.read() as connection:
        assert reproduction.original_of(connection, fence) == original.run_id
    bars, scores = staged("c-2026-10", "a-2026-10"), staged("s-2026-10", dataset="scores")
    assert compare(database, fence, original, bars, scores) == (1, {"same": True, "files": 2, "equal": 2, "differences": []})
    _, found = compare(database, fence, original, staged("d-2026-10", "a-2026-10"), staged("e-2026-11"))
    assert (found["same"], found["files"], found["equal"]) == (False, 2, 0)
    assert [(one["dataset"], one["partition"], one["published"], one["made"]) for one in found["differences"]] == [
        ("bars", "2026-10", "c-2026-10", "d-2026-10"),
        ("bars", "2026-11", None, "e-2026-11"),
        ("scores", "2026-10", "s-2026-10", None),
    ]
    with database.read() as connection:
        assert lake.newest(connection) == 3, "nothing was published"
        assert lake.published_by(connection, [fence.run_id]) == {}


def test_what_others_published_while_it_was_at_work_is_built_on(database: Database, original: Fence) -> None:
    late = claimed(database)
    database.write(lambda connection: lake.base(connection, late))
    other = claimed(database)
    publish(database, other, staged("x-2026-12"))
    publish(database, late, staged("y-2027-01"))
    end(database, other)
    end(database, late)
    fence = reproduce(database, late.run_id)
    assert database.write(lambda connection: lake.base(connection, fence))["snapshot"] == 4
    assert compare(database, fence, late, staged("y-2027-01"))[1]["same"]


def test_what_is_missing_is_told_whole(database: Database, original: Fence) -> None:
    other = claimed(database)
    assert "is running" in refusal(database, other.run_id)
    publish(database, other, staged("f-2026-10", "c-2026-10"))
    end(database, other)

    def age(connection: Connection) -> None:
        retention.retire(connection, clock.now() + timedelta(days=9), 1)
        connection.exec_driver_sql(
            f'UPDATE runs SET code_versions = \'{{"noop": "0", "gone": "1"}}\' WHERE id = \'{original.run_id}\''
        )

    database.write(age)
    assert missing(database, original.run_id) == [
        ("/ops/gone", "no worker has the op 'gone' any more"),
        ("/ops/noop", "the op 'noop' has other code now: 1, and had 0"),
        ("/snapshots/read", "Snapshot 1 is no longer kept: its files may be gone."),
        ("/snapshots/published", "Snapshot 2, which it published, is no longer kept."),
    ]


def refusal(database: Database, run_id: str) -> str:
    with database.read() as connection, pytest.raises(Conflict) as refused:
        reproduction_of(connection, catalogue.current(connection), run_id)
    return refused.value.detail


def test_a_run_that_had_nothing_to_do_with_the_lake_is_not_compared(database: Database, original: Fence) -> None:
    other = claimed(database)
    end(database, other)
    assert missing(database, other.run_id)[0][0] == "/snapshots/read"
