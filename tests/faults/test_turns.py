"""Whoever is only overtaken publishes in the end, and whoever stands still or dies at his turn holds nobody up."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.store import turns as waiting
from app.store.tables import turns
from tests.engine.conftest import House, node
from tests.faults.test_publication import OPS, prices, published

MakeHouse = Callable[..., House]
pytestmark = pytest.mark.slow


class Slow:
    """A run whose step publishes when it is told to; it was overtaken once, and is at its second try."""

    def __init__(self, house: House, folder: Path, wait_until: Any) -> None:
        self.house, self.folder, self.wait = house, folder, wait_until
        self.id = house.run(node("a", "publish_slowly", symbol="600000.XSHG", folder=str(folder)), wait=None)["id"]
        self.at_try(1)
        self.rivals = [house.run(node("a", "publish_bars", symbol="600001.XSHG"))["id"]]
        self.go(1)
        self.pid = self.at_try(2)

    def at_try(self, number: int) -> int:
        """Its process, once it has staged in that try."""
        mark = self.folder / f"try-{number}"
        self.wait(mark.exists, 30)
        return int(mark.read_text())

    def go(self, number: int) -> None:
        (self.folder / f"go-{number}").touch()

    def rival(self, symbol: str) -> str:
        """A run that comes later, once it has asked to publish and waits."""
        run = self.house.run(node("a", "publish_bars", symbol=symbol), wait=None)
        self.rivals.append(run["id"])
        self.wait(lambda: "Waits for the turn" in self.house.log(run), 30)
        return str(run["id"])

    def snapshots(self) -> list[str]:
        return [run_id for run_id, _ in published(self.house)]


@pytest.fixture
def slow(make_house: MakeHouse, tmp_path: Path, wait_until: Any) -> Callable[[], Slow]:
    return lambda: Slow(make_house(**OPS), tmp_path, wait_until)


def in_turn(house: House) -> int:
    with house.database.read() as connection:
        return len(connection.execute(select(turns)).all())


def test_who_was_overtaken_once_is_not_overtaken_again(slow: Callable[[], Slow]) -> None:
    one = slow()
    later = [one.rival(f"60000{number}.XSHG") for number in (2, 3)]
    one.go(2)
    runs = [one.house.final(run_id) for run_id in (one.id, *one.rivals)]
    assert {run["status"] for run in runs} == {"succeeded"}
    assert one.snapshots()[:2] == [one.rivals[0], one.id]
    assert sorted(one.snapshots()[2:]) == sorted(later)
    assert prices(one.house) == {"600000.XSHG": {2.0}} | {f"60000{number}.XSHG": {1.0} for number in (1, 2, 3)}
    assert in_turn(one.house) == 0


def test_one_that_is_killed_at_its_turn_holds_nobody_up(slow: Callable[[], Slow], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 3600.0)
    monkeypatch.setattr(waiting, "LONGEST_PATIENCE_SECONDS", 3600.0)
    one = slow()
    rival = one.rival("600002.XSHG")
    os.kill(one.pid, signal.SIGKILL)
    assert one.house.final(rival)["status"] == "succeeded"
    one.at_try(3)
    one.go(3)
    one.go(4)
    assert one.house.final(one.id)["status"] == "succeeded"


def test_one_that_stands_still_at_its_turn_is_passed_and_publishes_when_it_goes_on(
    slow: Callable[[], Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(waiting, "LONGEST_PATIENCE_SECONDS", 0.5)
    one = slow()
    os.kill(one.pid, signal.SIGSTOP)
    rival = one.rival("600002.XSHG")
    assert one.house.final(rival)["status"] == "succeeded"
    assert one.house.manager.get_run(one.id)["status"] == "running"
    os.kill(one.pid, signal.SIGCONT)
    one.go(2)
    one.at_try(3)
    one.go(3)
    run = one.house.final(one.id)
    assert (run["status"], run["attempt"], run["failures"]) == ("succeeded", 1, 0)
    assert one.snapshots() == [one.rivals[0], rival, one.id]


def test_a_run_that_is_asked_to_stop_while_it_waits_is_cancelled(slow: Callable[[], Slow]) -> None:
    one = slow()
    rival = one.rival("600002.XSHG")
    one.house.manager.cancel_run(rival)
    assert one.house.final(rival)["status"] == "cancelled"
    one.go(2)
    assert one.house.final(one.id)["status"] == "succeeded"
    assert one.snapshots() == [one.rivals[0], one.id]


def test_all_of_many_that_publish_one_file_at_once_publish_it(make_house: MakeHouse) -> None:
    houses = [make_house(**OPS, slots=6)]
    if not houses[0].database.is_sqlite:
        houses.append(make_house(**OPS, slots=6))
    job = houses[0].job(node("a", "count_one"), max_concurrent_runs=24)
    started = [houses[0].manager.run_job(job)["id"] for _ in range(24)]
    runs = [houses[0].final(run_id, 60) for run_id in started]
    assert [run["reason"] for run in runs if run["status"] != "succeeded"] == []
    assert prices(houses[0])["COUNT"] == {24.0}
    assert len({run_id for run_id, _ in published(houses[0])}) == len(published(houses[0])) == 24
    assert in_turn(houses[0]) == 0
