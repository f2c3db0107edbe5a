"""Publication as rows: compare-and-set over files, one transaction, exactly one owner."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from app import clock
from app.errors import LeaseLost
from app.store import claims, lake, retention, views
from app.store.database import Database
from app.store.fence import Fence, guard
from tests.store.conftest import claim, enqueue, make_job, row


def staged(path: str, base: str | None = None, dataset: str = "bars", rows: int = 10) -> Any:
    partition = path.split("-")[1] + "-" + path.split("-")[2]
    return {
        "dataset": dataset, "partition": partition, "path": path, "rows": rows, "bytes": 100, "min_date": f"{partition}-01",
        "max_date": f"{partition}-28", "base": base,
    }  # fmt: skip


def publication(*files: Any, **datasets: dict[str, Any]) -> Any:
    return {"files": list(files), "datasets": datasets}


@pytest.fixture
def fence(database: Database) -> Fence:
    database.write(lambda connection: make_job(connection, size=4))
    enqueue(database)
    claimed = claim(database)
    assert claimed is not None
    return claimed


def publish(database: Database, fence: Fence, *files: Any, **datasets: dict[str, Any]) -> tuple[str, Any]:
    return database.write(lambda connection: lake.publish(connection, fence, "save", publication(*files, **datasets)))


def paths(state: Any, dataset: str = "bars") -> list[str]:
    return [file["path"] for file in state["datasets"][dataset]["files"]]


def test_a_snapshot_names_the_new_files_and_keeps_the_others(database: Database, fence: Fence) -> None:
    outcome, first = publish(database, fence, staged("a-2026-10"), staged("a-2026-11"), bars={"quality": 0.9, "adjusted": True})
    assert (outcome, first["snapshot"], paths(first)) == ("published", 1, ["a-2026-10", "a-2026-11"])
    outcome, second = publish(database, fence, staged("b-2026-11", base="a-2026-11"))
    assert (outcome, second["snapshot"], paths(second)) == ("published", 2, ["a-2026-10", "b-2026-11"])
    bars = second["datasets"]["bars"]
    assert (bars["version"], bars["rows"], bars["quality"], bars["facts"]) == (2, 20, 0.9, {"adjusted": True})
    with database.read() as connection:
        assert paths(lake.state(connection, 1)) == ["a-2026-10", "a-2026-11"]
        assert lake.datasets(connection)[0]["snapshot"] == 2


def test_the_same_files_make_no_version(database: Database, fence: Fence) -> None:
    publish(database, fence, staged("a-2026-10"))
    outcome, state = publish(database, fence, staged("a-2026-10"))
    assert (outcome, state["snapshot"]) == ("unchanged", 1)


def test_who_built_on_an_older_file_loses_and_changes_nothing(database: Database, fence: Fence) -> None:
    publish(database, fence, staged("a-2026-10"))
    enqueue(database)
    other = claim(database, "other")
    assert other is not None
    outcome, state = publish(database, other, staged("new-2026-12"), staged("x-2026-10", base=None))
    assert (outcome, state["snapshot"], paths(state)) == ("conflict", 1, ["a-2026-10"])
    with database.read() as connection:
        assert lake.newest(connection) == 1


def test_two_that_build_on_the_same_file_have_one_winner(database: Database, fence: Fence) -> None:
    publish(database, fence, staged("a-2026-10"))
    fences = [fence]
    for worker in ("x", "y", "z"):
        enqueue(database)
        claimed = claim(database, worker)
        assert claimed is not None
        fences.append(claimed)
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(publish, database, own, staged(f"{own.worker}-2026-10", base="a-2026-10")) for own in fences]
        outcomes = [future.result(30)[0] for future in work]
    assert sorted(outcomes) == ["conflict", "conflict", "conflict", "published"]
    with database.read() as connection:
        assert lake.newest(connection) == 2
        assert len(paths(lake.state(connection, 2))) == 1


def test_a_lost_lease_publishes_nothing(database: Database, fence: Fence) -> None:
    database.write(lambda connection: claims.release(connection, fence, guard(connection, fence), clock.now(), "Why."))
    with pytest.raises(LeaseLost):
        publish(database, fence, staged("a-2026-10"))
    with database.read() as connection:
        assert lake.newest(connection) == 0
        assert lake.state(connection, 0)["datasets"] == {}


def test_a_runs_base_is_fixed_and_moves_with_its_own_publications_only(database: Database, fence: Fence) -> None:
    publish(database, fence, staged("a-2026-10"))
    enqueue(database)
    other = claim(database, "other")
    assert other is not None
    assert database.write(lambda connection: lake.base(connection, other))["snapshot"] == 1
    publish(database, fence, staged("a-2026-11"))
    assert database.write(lambda connection: lake.base(connection, other))["snapshot"] == 1
    publish(database, other, staged("o-2026-12"))
    assert database.write(lambda connection: lake.base(connection, other))["snapshot"] == 3
    with database.read() as connection:
        shown = views.run_view(connection, other.run_id)["snapshots"]
    assert shown == {"read": 1, "published": [3]}
    assert row(database, other.run_id)["read_snapshot"] == 1


def test_several_datasets_are_one_snapshot(database: Database, fence: Fence) -> None:
    _, state = publish(database, fence, staged("a-2026-10"), staged("s-2026-10", dataset="scores"))
    assert state["snapshot"] == 1
    assert {name: known["version"] for name, known in state["datasets"].items()} == {"bars": 1, "scores": 1}


def test_an_old_file_may_come_back(database: Database, fence: Fence) -> None:
    publish(database, fence, staged("a-2026-10"))
    publish(database, fence, staged("b-2026-10", base="a-2026-10"))
    outcome, state = publish(database, fence, staged("a-2026-10", base="b-2026-10"))
    assert (outcome, paths(state)) == ("published", ["a-2026-10"])
    with database.read() as connection:
        assert [paths(lake.state(connection, n)) for n in (1, 2, 3)] == [["a-2026-10"], ["b-2026-10"], ["a-2026-10"]]


def test_nothing_is_old_enough_to_go_while_the_clock_stands_before_a_run_began(database: Database, job: str) -> None:
    enqueue(database)
    assert claim(database) is not None
    with database.read() as connection:
        assert 0 <= retention.needed(connection, clock.now())[1] < 3600
        assert retention.needed(connection, clock.now() - timedelta(hours=1))[1] > 365 * 86400
