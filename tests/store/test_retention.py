"""What retention takes away of the lake, and what it must not: whatever else happens at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app import clock
from app.errors import Conflict, NotFound, OpenbellError
from app.store import lake, retention, snapshots
from app.store.database import Database
from app.store.fence import Fence
from app.store.tables import files
from tests.store.conftest import make_job
from tests.store.test_lake import paths
from tests.store.test_releases import claimed, publish
from tests.store.timed import Clock


@pytest.fixture
def fence(database: Database, monkeypatch: pytest.MonkeyPatch) -> Fence:
    """Snapshots 1 to 6, each with a file of its own, on five days of September and one of October."""
    time = Clock(monkeypatch)
    database.write(lambda connection: make_job(connection, size=9))
    time.set("2026-09-01 18:00")
    found, base = claimed(database), None
    for number, day in enumerate(("09-01", "09-02", "09-03", "09-04", "09-30", "10-08"), start=1):
        time.set(f"2026-{day} 18:00")
        publish(database, found, f"{number}-2026-11", base)
        base = f"{number}-2026-11"
    time.set("2026-11-10 03:00")
    database.write(lambda connection: connection.exec_driver_sql("UPDATE runs SET read_snapshot = NULL"))
    end(database, found)
    return found


def end(database: Database, fence: Fence) -> None:
    from app.store import claims
    from app.store.fence import guard
    from app.store.status import RunStatus

    database.write(lambda connection: claims.finish(connection, fence, guard(connection, fence), RunStatus.succeeded))


def retire(database: Database, days: float = 30) -> tuple[list[int], int]:
    return database.write(lambda connection: retention.retire(connection, clock.now(), days))


def on_disk(database: Database) -> set[str]:
    """What tidying leaves there."""
    with database.read() as connection:
        return set(retention.needed(connection, clock.now())[0])


def test_recent_month_end_and_pinned_ones_are_kept_with_every_file(database: Database, fence: Fence) -> None:
    database.write(lambda connection: snapshots.pin(connection, 2, by="k", reason="r"))
    assert retire(database) == ([1, 3, 4], 3)
    with database.read() as connection:
        assert {number: paths(lake.state(connection, number)) for number in (2, 5, 6)} == {
            2: ["2-2026-11"], 5: ["5-2026-11"], 6: ["6-2026-11"],
        }  # fmt: skip
        with pytest.raises(NotFound, match="no longer kept"):
            lake.state(connection, 3)
        assert [row["retired_at"] is None for row in snapshots.page(connection, None, 9)] == [
            True,
            True,
            False,
            False,
            True,
            False,
        ]
        assert [row["version"] for row in lake.history(connection, "bars", None, 9)] == [6, 5, 2]
    assert on_disk(database) == {"2-2026-11", "5-2026-11", "6-2026-11"}
    assert retire(database) == ([], 0)


def test_what_was_the_newest_until_lately_is_recent(database: Database, fence: Fence) -> None:
    """Published on the 30th of September, it was followed on the 8th of October."""
    assert 4 not in retire(database, days=42)[0]
    assert 4 in retire(database, days=40)[0]


def test_a_file_that_a_kept_snapshot_shares_is_kept(database: Database, fence: Fence) -> None:
    """What did not change between them is one file of both; and an old one that came back is the new one's."""
    restored = database.write(lambda connection: snapshots.restore(connection, 3, by="k", reason="r"))
    assert retire(database) == ([1, 2, 3, 4], 3)
    with database.read() as connection:
        assert paths(lake.state(connection, restored["snapshot"])) == ["3-2026-11"]
        assert set(connection.execute(select(files.c.path)).scalars()) == {"3-2026-11", "5-2026-11", "6-2026-11"}


def test_what_a_run_builds_on_is_kept_until_it_ends(database: Database, fence: Fence) -> None:
    other = claimed(database)
    database.write(lambda connection: lake.base(connection, other))
    database.write(lambda connection: connection.exec_driver_sql("UPDATE runs SET read_snapshot = 3 WHERE finished_at IS NULL"))
    assert retire(database) == ([1, 2, 4], 3)
    with database.read() as connection:
        assert paths(lake.state(connection, 3)) == ["3-2026-11"]
    end(database, other)
    assert retire(database) == ([3], 1)


def test_versions_go_on_counting_and_publications_compare_as_before(database: Database, fence: Fence) -> None:
    retire(database)
    other = claimed(database)
    assert publish(database, other, "7-2026-11", "5-2026-11")[0] == "conflict"
    outcome, state = publish(database, other, "7-2026-11", "6-2026-11")
    assert (outcome, state["datasets"]["bars"]["version"], state["datasets"]["bars"]["rows"]) == ("published", 7, 10)
    assert publish(database, other, "1-2026-11", "7-2026-11")[0] == "published", "content that comes back is named anew"


def test_a_retired_snapshot_can_be_neither_pinned_nor_restored(database: Database, fence: Fence) -> None:
    retire(database)
    for act in (snapshots.pin, snapshots.restore):
        with pytest.raises((Conflict, NotFound), match="no longer kept"):
            database.write(lambda connection, act=act: act(connection, 3, by="k", reason="r"))
    with database.read() as connection:
        assert snapshots.get(connection, 3)["datasets"] == []


@pytest.mark.parametrize("act", [snapshots.restore, snapshots.pin])
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_takes_away_waits_for_who_restores_or_pins(database: Database, fence: Fence, act: Any) -> None:
    with database.engine.begin() as under_way:
        act(under_way, 3, by="k", reason="r")
        with database.engine.connect() as beside:
            beside.exec_driver_sql("SET lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                retention.retire(beside, clock.now(), 30)
            beside.invalidate()
    assert 3 not in retire(database)[0] or act is snapshots.restore


@pytest.mark.parametrize("act", [snapshots.restore, snapshots.pin])
def test_a_restore_or_a_pin_at_the_same_moment_keeps_its_files_or_is_refused(database: Database, fence: Fence, act: Any) -> None:
    def attempt() -> bool:
        try:
            database.write(lambda connection: act(connection, 3, by="k", reason="r"))
        except OpenbellError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        retired, done = pool.submit(retire, database), pool.submit(attempt)
        gone = retired.result(30)[0]
        kept = done.result(30)
    with database.read() as connection:
        named = {file["path"] for file in lake.state(connection, lake.newest(connection))["datasets"]["bars"]["files"]}
    assert named <= on_disk(database)
    assert ("3-2026-11" in on_disk(database)) == kept
    assert kept or 3 in gone
