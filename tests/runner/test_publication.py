"""Staging, publishing, losing the race and beginning again."""

from pathlib import Path
from typing import Any

import pytest

from app.engine.children import Child
from app.errors import Unavailable
from tests.runner.runs import Ran, execute, hear, node, send

EMPTY = {"snapshot": 0, "published_at": "2026-01-05T00:00:00Z", "datasets": {}}


class Worker:
    """Answers as a worker does; `outcomes` are the answers to `publish`, one after another."""

    def __init__(self, *outcomes: str, state: dict[str, Any] = EMPTY) -> None:
        self.state = state
        self.outcomes = list(outcomes)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, what: str, params: dict[str, Any]) -> Any:
        if what == "snapshot":
            return self.state
        self.asked.append(params)
        outcome = self.outcomes.pop(0)
        if outcome != "unchanged":
            self.state = {**self.state, "snapshot": self.state["snapshot"] + 1}
        return {"outcome": outcome, "state": self.state}

    @property
    def files(self) -> list[list[str]]:
        return [[file["dataset"] for file in ask["publication"]["files"]] for ask in self.asked]


def publishing(child: Child, worker: Worker, *, op: str = "publish_scores", **given: Any) -> Ran:
    return execute(child, node("bars", "stage_bars"), node("scores", op, inputs={"data": "bars"}, **given), answers=worker)


def test_what_a_step_staged_is_told_with_its_end(child: Child) -> None:
    ran = execute(child, node("a", "stage_bars"), node("b", "stage_bars", params={"rows": 5}), answers=Worker())
    for name, rows in (("a", 2), ("b", 5)):
        done = ran.one("step_succeeded", name)
        assert [file["rows"] for file in done["staged"]] == [rows]
        assert done["outputs"]["result"] == {"kind": "dataset", "dataset": "bars", "rows": rows, "quality": 0.75}
        assert (done["metrics"]["record_count"], done["metrics"]["data_quality_score"]) == (rows, 0.75)


def test_what_cannot_say_how_good_it_is_is_as_good_as_what_it_was_made_of(child: Child) -> None:
    nodes = (node("bars", "stage_bars"), node("a", "total", inputs={"data": "bars"}), node("b", "frame"))
    ran = execute(child, *nodes, node("c", "total", inputs={"data": "b"}), answers=Worker())
    told = {name: ran.one("step_succeeded", name)["metrics"]["data_quality_score"] for name in "abc"}
    assert told == {"a": 0.75, "b": None, "c": None}


def test_references_and_frames_become_each_other_along_an_edge(child: Child) -> None:
    ran = execute(
        child,
        node("bars", "stage_bars", params={"rows": 4}),
        node("sum_of", inputs={"data": "bars"}),
        node("frame"),
        node("rows_of", inputs={"data": "frame"}),
        node("named", inputs={"data": "frame"}),
        node("perhaps_named", inputs={"data": "frame"}),
        node("reference", "rows_of", inputs={"data": "bars"}),
        answers=Worker(),
    )
    assert ran.value("sum_of") == 6.0
    assert ran.value("rows_of") == 3
    assert (ran.value("named"), ran.value("perhaps_named")) == ("prices", "quotes")
    assert ran.value("reference") == 4
    assert [file["dataset"] for file in ran.one("step_succeeded", "rows_of")["staged"]] == ["data"]
    assert [file["dataset"] for file in ran.one("step_succeeded", "named")["staged"]] == ["prices"]


def test_a_publishing_step_ends_by_its_publication(child: Child, data_dir: Path) -> None:
    worker = Worker("published")
    ran = publishing(child, worker)
    (ask,) = worker.asked
    assert (ask["node"], ask["attempt"]) == ("scores", 1)
    assert (ask["end"]["type"], ask["end"]["outputs"]["result"]["dataset"]) == ("step_succeeded", "scores")
    assert worker.files == [["bars", "scores"]]
    assert not ran.of("step_succeeded", "scores")
    assert ran.of("run_ended")
    assert (data_dir / "shown").read_text() == "1"


def test_who_loses_the_race_begins_again_on_the_new_base_without_a_retry(child: Child) -> None:
    worker = Worker("conflict", "conflict", "published")
    ran = publishing(child, worker)
    assert len(ran.of("step_began", "scores")) == 1
    assert not ran.of("step_failed")
    assert worker.files == [["bars", "scores"]] * 3
    # What an earlier step staged was carried over; this step's own was made anew from what it then saw.
    bars, scores = worker.asked[-1]["publication"]["files"]
    assert bars["path"].endswith(".on-1.on-2.arrow")
    assert "scores-2-" in scores["path"]
    assert [file["path"] for file in worker.asked[-1]["end"]["staged"]] == [scores["path"]]
    assert sum("begins again" in event["message"] for event in ran.of("log")) == 2


def test_who_loses_too_often_fails(child: Child) -> None:
    worker = Worker(*["conflict"] * 10)
    ran = publishing(child, worker, retry={"max_retries": 0})
    assert ran.one("step_failed", "scores")["reason"] == "not_published"
    assert len(worker.asked) == 8


def test_a_refused_publication_fails_the_step_and_a_retry_publishes(child: Child) -> None:
    class Refusing(Worker):
        def __call__(self, what: str, params: dict[str, Any]) -> Any:
            if what == "publish" and len(self.asked) == 0:
                self.asked.append(params)
                raise Unavailable("the database is away")
            return super().__call__(what, params)

    worker = Refusing("published")
    ran = publishing(child, worker)
    assert "the database is away" in ran.one("step_failed", "scores")["error"]["message"]
    assert [ask["attempt"] for ask in worker.asked] == [1, 2]


@pytest.mark.parametrize(("told", "asks"), [(True, 1), (False, 0)])
def test_a_param_may_decide_whether_a_step_publishes(child: Child, told: bool, asks: int) -> None:
    worker = Worker("unchanged")
    ran = execute(child, node("a", "publish_if_told", params={"publish": told}), answers=worker)
    assert len(worker.asked) == asks
    assert len(ran.of("step_succeeded", "a")) == 1 - asks


def test_a_long_step_publishes_in_the_middle(child: Child) -> None:
    worker = Worker("published", "unchanged")
    ran = execute(child, node("a", "publish_in_the_middle"), answers=worker)
    assert ran.value("a") == [1, None]
    assert [ask["end"] for ask in worker.asked] == [None, None]
    assert worker.files == [["part_0"], ["part_1"]]
    assert ran.one("step_succeeded", "a")["staged"] == []


@pytest.mark.parametrize("how", ["at its end", "in the middle"])
def test_an_op_that_saw_the_wish_to_stop_publishes_nothing(child: Child, how: str) -> None:
    worker = Worker()
    send(child, node("a", "publish_half", params={"how": how}))
    ran = hear(child, Ran(), lambda ran: ran.of("step_began"), worker)
    child.send({"type": "cancel"})
    hear(child, ran, lambda ran: ran.of("run_ended"), worker)
    assert ran.one("step_failed", "a")["reason"] == "cancelled"
    assert worker.asked == []


def test_a_conflict_in_the_middle_begins_the_step_again(child: Child) -> None:
    worker = Worker("conflict", "published", "published")
    ran = execute(child, node("a", "publish_in_the_middle"), answers=worker)
    assert worker.files == [["part_0"], ["part_0"], ["part_1"]]
    assert ran.value("a") == [2, 3]
    assert len(ran.of("step_began")) == 1


def test_a_view_that_cannot_be_made_does_not_undo_the_publication(child: Child) -> None:
    worker = Worker("published", state={**EMPTY, "published_at": "never"})
    ran = publishing(child, worker)
    assert not ran.of("step_failed")
    assert any("snapshot 1 is published" in event["message"] for event in ran.of("log"))


def test_what_a_failed_step_staged_is_dropped(child: Child) -> None:
    worker = Worker("published")
    ran = execute(
        child,
        node("half", "stage_then_fail"),
        node("bars", "stage_bars"),
        node("scores", "publish_scores", inputs={"data": "bars"}),
        answers=worker,
    )
    assert ran.of("step_failed", "half")
    assert worker.files == [["bars", "scores"]]


def test_a_resumed_run_has_what_finished_steps_staged(child: Child) -> None:
    first = execute(child, node("bars", "stage_bars", params={"rows": 3}), answers=Worker())
    done = first.one("step_succeeded", "bars")
    finished = node("bars", "stage_bars", status="succeeded", attempts=1, outputs=done["outputs"], staged=done["staged"])
    worker = Worker("published")
    second = execute(child, finished, node("scores", "publish_scores", inputs={"data": "bars"}), answers=worker, attempt=2)
    assert not second.of("step_began", "bars")
    assert worker.files == [["bars", "scores"]]


def test_a_step_whose_staged_file_is_gone_runs_again(child: Child, data_dir: Path) -> None:
    done = execute(child, node("bars", "stage_bars", params={"rows": 3}), answers=Worker()).one("step_succeeded", "bars")
    finished = node(
        "bars", "stage_bars", params={"rows": 3}, status="succeeded", attempts=1, outputs=done["outputs"], staged=done["staged"]
    )
    (data_dir / "lake" / done["staged"][0]["path"]).unlink()
    ran = execute(child, finished, node("sum_of", inputs={"data": "bars"}), answers=Worker(), attempt=2)
    assert ran.one("step_began", "bars")["attempt"] == 2
    assert ran.value("sum_of") == 3.0


def test_one_whose_staged_file_is_gone_runs_again_also_where_no_step_to_come_reads_it(child: Child, data_dir: Path) -> None:
    done = execute(child, node("bars", "stage_bars", params={"rows": 7}), answers=Worker()).one("step_succeeded", "bars")
    given = {"outputs": done["outputs"], "staged": done["staged"]}
    finished = node("bars", "stage_bars", params={"rows": 7}, status="succeeded", attempts=1, **given)
    (data_dir / "lake" / done["staged"][0]["path"]).unlink()
    worker = Worker("published")
    ran = execute(child, finished, node("told", "publish_if_told", params={"publish": True}), answers=worker, attempt=2)
    assert ran.one("step_began", "bars")["attempt"] == 2
    assert not ran.of("step_failed")
