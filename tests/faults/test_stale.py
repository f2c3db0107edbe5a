"""What is published was computed of what is current then: a run whose data changed under it computes again, or says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.engine.conftest import House, by_node, node
from tests.faults.test_publication import OPS, published

pytestmark = pytest.mark.slow


@pytest.fixture
def overtaken(make_house: Callable[..., House], tmp_path: Path, wait_until: Any) -> Callable[..., Any]:
    """`overtaken(*nodes)`: a house, and the run of these nodes and a last one that publishes, before which the bars changed."""

    def make(*nodes: dict[str, Any]) -> tuple[House, dict[str, Any]]:
        house = make_house(**OPS)
        house.run(node("a", "publish_close", close=1.0))
        run = house.run(*nodes, node("save", "save_when_told", {"scores": "scores"}, folder=str(tmp_path)), wait=None)
        wait_until((tmp_path / "ready").exists, 30)
        house.run(node("a", "publish_close", close=2.0))
        (tmp_path / "go").touch()
        return house, house.final(run["id"])

    return make


def totals(house: House) -> set[float]:
    """What a reader sees of the scores."""
    files = (house.settings.data_dir / "current" / "scores").iterdir()
    return {total for file in files for total in pq.read_table(file)["total"].to_pylist()}


def attempts(run: dict[str, Any]) -> dict[str, int]:
    return {name: step["attempt"] for name, step in by_node(run).items()}


def test_scores_of_bars_that_changed_meanwhile_are_computed_again_before_they_are_published(overtaken: Any) -> None:
    house, run = overtaken(node("scores", "score_lake"))
    assert totals(house) == {2.0}
    assert (run["status"], run["attempt"], run["failures"]) == ("succeeded", 1, 0)
    assert attempts(run) == {"scores": 2, "save": 1}
    assert published(house)[2:] == [(run["id"], 1)]
    assert "it computes again from the new snapshot" in house.log(run)


def test_frames_of_what_changed_are_read_again_and_nothing_else_is_done_twice(overtaken: Any) -> None:
    house, run = overtaken(
        node("asked", "ask_vendor"),
        node("bars", "read_bars"),
        node("scores", "score_frame", {"bars": "bars", "asked": "asked"}),
        node("alert", "tell", {"scores": "scores"}),
    )
    assert run["status"] == "succeeded"
    assert totals(house) == {2.0}
    assert attempts(run) == {"asked": 1, "bars": 2, "scores": 2, "alert": 1, "save": 1}


def test_what_cannot_be_computed_again_fails_the_run_and_publishes_nothing(overtaken: Any) -> None:
    house, run = overtaken(node("scores", "score_lake", fails_at=2))
    assert run["status"] == "failed"
    steps = by_node(run)
    assert (steps["scores"]["status"], steps["scores"]["reason"]) == ("failed", "exception")
    assert (steps["save"]["status"], steps["save"]["reason"]) == ("failed", "upstream_failed")
    assert "node 'scores' had to compute again" in steps["save"]["error"]["message"]
    assert len(published(house)) == 2
    assert not list((house.settings.data_dir / "current" / "scores").glob("20*.parquet"))


def test_a_retry_by_hand_does_not_publish_what_was_computed_of_older_bars(
    make_house: Callable[..., House], tmp_path: Path
) -> None:
    house = make_house(**OPS)
    house.run(node("a", "publish_close", close=1.0))
    failed = house.run(
        node("scores", "score_lake"),
        node("halt", "halt", folder=str(tmp_path)),
        node("save", "save_when_told", {"scores": "scores", "told": "halt"}, folder=str(tmp_path)),
    )
    assert failed["status"] == "failed"
    house.run(node("a", "publish_close", close=2.0))
    (tmp_path / "go").touch()
    run = house.final(house.manager.retry_run(failed["id"])[0]["id"])
    assert run["status"] == "succeeded"
    assert totals(house) == {2.0}
