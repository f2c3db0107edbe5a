"""Who is dead: told by lock files and heartbeats, never by comparing wall clocks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.engine.liveness import Heartbeats, dead, hold, let_go, locked
from app.store import rescues, workers
from tests.engine.conftest import House
from tests.engine.test_workers import MakeHouse

START = datetime(2026, 11, 24, tzinfo=UTC)


def beat(seconds: float = 0, lease: float = 30) -> dict[str, Any]:
    at = START + timedelta(seconds=seconds)
    return {"id": "w", "renewed_at": at, "lease_expires_at": at + timedelta(seconds=lease)}


def test_a_lease_is_over_when_it_was_seen_unchanged_for_as_long_as_it_lasts() -> None:
    seen = Heartbeats(longest_look=10)
    assert [seen.silent([beat()], now) for now in (100, 110, 120, 130)] == [set()] * 4
    assert seen.silent([beat()], 131) == {"w"}
    assert seen.silent([beat(5)], 132) == set()
    assert seen.silent([beat(5)], 142) == set()


def test_an_observer_that_stood_still_has_not_seen_a_silence() -> None:
    seen = Heartbeats(longest_look=10)
    assert [seen.silent([beat()], now) for now in (100, 5000, 5010)] == [set()] * 3
    assert seen.silent([beat()], 5020) == set()
    assert seen.silent([beat()], 5021) == {"w"}


def test_a_worker_that_is_back_at_an_older_instant_was_heard_of() -> None:
    seen = Heartbeats(longest_look=100)
    seen.silent([beat(86400)], 0)
    assert [seen.silent([beat(n)], 25 * (n + 1)) for n in range(4)] == [set()] * 4


def test_a_lock_file_tells_the_living_from_the_dead_and_goes_with_the_dead(tmp_path: Path) -> None:
    lock = hold(tmp_path, "w")
    with dead(tmp_path, "w") as found:
        assert not found
    assert locked(tmp_path) == {"w"}
    lock.release()
    hold_file = tmp_path / "workers" / "w.lock"
    hold_file.touch()

    def rescue() -> None:
        with dead(tmp_path, "w") as found:
            assert found
            raise OSError("the database is away")

    with pytest.raises(OSError, match="database"):
        rescue()
    assert locked(tmp_path) == {"w"}  # to be found again
    with dead(tmp_path, "w") as found:
        assert found
    assert locked(tmp_path) == set()
    let_go(tmp_path, "v", hold(tmp_path, "v"))
    assert locked(tmp_path) == set()


@pytest.mark.parametrize("days", [-30, 30])
def test_setting_the_wall_clock_declares_nobody_dead(
    make_house: MakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    houses: list[House] = [make_house(), make_house()]
    moved = tmp_path / "clock"
    moved.write_text(str(days * 86400))
    monkeypatch.setenv("OPENBELL_CLOCK_FILE", str(moved))
    for house in houses:
        assert house.engine._reaper.run_once() == []
    with houses[0].database.read() as connection:
        assert len(workers.registered(connection)) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_lock_file_of_a_worker_that_lost_its_lease_is_swept_while_its_process_goes_on(
    make_house: MakeHouse, wait_until: Any
) -> None:
    house = make_house(beat_seconds=0.1, lease_seconds=5, reap_seconds=0.1)
    lost = house.engine.worker  # held here, so that it is not let go by the way
    assert lost is not None
    house.database.write(lambda connection: rescues.declare_dead(connection, lost.id, "for the test"))
    wait_until(lambda: house.engine.worker is not lost, 20, what="another worker")
    wait_until(lambda: locked(house.engine._settings.data_dir) == {house.engine._own()}, 20, what="its file is swept")
