"""Snapshots that people handle: a restore is a new one that runs and releases are measured by; a pin is a row with a reason."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.errors import Conflict, NotFound
from app.store import audit, lake, releases, snapshots
from app.store.database import Database
from app.store.fence import Fence
from tests.store.conftest import make_job
from tests.store.test_lake import paths, publication, staged
from tests.store.test_releases import claimed, publish, stands, told


@pytest.fixture
def fence(database: Database) -> Fence:
    """Its run published: 1 names a, 2 names b instead and scores beside it."""
    database.write(lambda connection: make_job(connection, size=9))
    found = claimed(database)
    publish(database, found, "a-2026-11", None, d2026_11_19=0.5)
    scores = staged("s-2026-11", dataset="scores")
    named: Any = {**publication(staged("b-2026-11", "a-2026-11"), scores, bars={"quality": 0.9, "made": "of b"})}
    named["releases"] = [{"trade_date": day, "coverage": 1.0} for day in ("2026-11-19", "2026-11-20")]
    assert database.write(lambda connection: lake.publish(connection, found, "save", named))[0] == "published"
    return found


def restore(database: Database, number: int) -> Any:
    return database.write(lambda connection: snapshots.restore(connection, number, by="k", reason="a bad delivery"))


def test_a_restore_is_a_new_snapshot_of_old_files(database: Database, fence: Fence) -> None:
    state = restore(database, 1)
    assert (state["snapshot"], paths(state), paths(state, "scores")) == (3, ["a-2026-11"], [])
    bars = state["datasets"]["bars"]
    assert (bars["version"], bars["rows"], bars["quality"], bars["facts"]) == (3, 10, None, {})
    with database.read() as connection:
        assert lake.newest(connection) == 3
        assert [paths(lake.state(connection, number)) for number in (1, 2)] == [["a-2026-11"], ["b-2026-11"]]
        assert snapshots.page(connection, None, 1)[0]["restores"] == 1
        assert audit.page(connection, None, 1)[0]["detail"] == {"snapshot": 3, "reason": "a bad delivery"}
    forward = restore(database, 2)
    assert (paths(forward), paths(forward, "scores")) == (["b-2026-11"], ["s-2026-11"])
    assert forward["datasets"]["bars"]["facts"] == {"made": "of b"}


def test_what_is_the_newest_already_cannot_be_restored(database: Database, fence: Fence) -> None:
    with pytest.raises(Conflict, match="is what readers see"):
        restore(database, 2)
    with pytest.raises(NotFound):
        restore(database, 7)
    restore(database, 1)
    with pytest.raises(Conflict, match="of the newest, 3"):
        restore(database, 1)


def test_a_run_that_built_on_what_was_restored_over_begins_again(database: Database, fence: Fence) -> None:
    other = claimed(database)
    assert database.write(lambda connection: lake.base(connection, other))["snapshot"] == 2
    restore(database, 1)
    outcome, state = publish(database, other, "c-2026-11", "b-2026-11")
    assert (outcome, state["snapshot"], paths(state)) == ("conflict", 3, ["a-2026-11"])
    assert publish(database, other, "c-2026-11", "a-2026-11")[0] == "published"


def test_what_was_computed_of_a_version_that_was_restored_over_is_computed_again(database: Database, fence: Fence) -> None:
    """Its own file stands unchanged: the version of what it was computed of tells."""
    restore(database, 1)
    restore(database, 2)
    scores = {**staged("t-2026-11", "s-2026-11", dataset="scores"), "stands_on": {"bars": 2}}
    named = publication(scores)
    assert database.write(lambda connection: lake.publish(connection, fence, "save", named))[0] == "conflict"


def test_trade_dates_stand_as_they_stood(database: Database, fence: Fence) -> None:
    assert stands(database) == [("2026-11-20", "complete", 2), ("2026-11-19", "complete", 2)]
    state = restore(database, 1)
    assert stands(database) == [("2026-11-20", "withdrawn", None), ("2026-11-19", "partial", 3)]
    assert [(one["trade_date"], one["snapshot"]) for one in state["releases"]] == [("2026-11-19", 3)]
    restore(database, 2)
    assert stands(database) == [("2026-11-20", "complete", 4), ("2026-11-19", "complete", 4)]
    assert told(database)[3:] == [("2026-11-19", 3), ("2026-11-19", 4), ("2026-11-20", 4)]
    with database.read() as connection:
        assert releases.latest(connection) is not None


def test_of_two_restores_and_publications_at_once_each_is_a_snapshot_of_its_own(database: Database, fence: Fence) -> None:
    other = claimed(database)
    with ThreadPoolExecutor(3) as pool:
        one = pool.submit(restore, database, 1)
        two = pool.submit(publish, database, other, "c-2026-11", "b-2026-11")
        state, (outcome, seen) = one.result(30), two.result(30)
    found = {state["snapshot"], *([seen["snapshot"]] if outcome == "published" else [])}
    with database.read() as connection:
        assert lake.newest(connection) == max(found)
        assert len(paths(lake.state(connection, lake.newest(connection)))) == 1
    assert outcome == ("published" if state["snapshot"] == 4 else "conflict")


def test_a_pin_has_a_reason_and_is_audited(database: Database, fence: Fence) -> None:
    pinned = database.write(lambda connection: snapshots.pin(connection, 1, by="k", reason="the paper stands on it"))
    assert (pinned["pinned_by"], pinned["pin_reason"], pinned["pinned_at"] is not None) == ("k", "the paper stands on it", True)
    assert [(row["dataset"], row["version"], row["run_id"]) for row in pinned["datasets"]] == [("bars", 1, fence.run_id)]
    unpinned = database.write(lambda connection: snapshots.unpin(connection, 1, by="k"))
    assert (unpinned["pinned_at"], unpinned["pin_reason"]) == (None, None)
    with database.read() as connection:
        assert [row["action"] for row in audit.page(connection, None, 2)] == ["unpin", "pin"]
    with pytest.raises(NotFound):
        database.write(lambda connection: snapshots.pin(connection, 9, by="k", reason="r"))
