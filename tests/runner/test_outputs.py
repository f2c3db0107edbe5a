"""What ops return: values as JSON, frames in memory and scratch, references; and how each reaches the next op."""

from pathlib import Path

import pytest

from app.engine.children import Child
from tests.runner.runs import execute, node


@pytest.mark.parametrize(
    ("what", "because"),
    [
        ("nan", "is not a finite number"),
        ("inside", "/deep/1: is not a finite number"),
        ("nul", "holds a NUL character"),
        ("surrogate", "lone surrogate"),
        ("huge", "70,002 bytes as JSON; a value may have 65,536"),
        ("object", "builtins.object has no JSON form"),
        ("lambda", "function has no JSON form"),
        ("series", "Series has no JSON form"),
    ],
)
def test_a_value_that_cannot_be_stored_names_op_and_output(child: Child, what: str, because: str) -> None:
    ran = execute(child, node("a", "returns", params={"what": what}), node("b", "one"))
    failed = ran.one("step_failed", "a")
    assert "output 'result' of op 'returns'" in failed["error"]["message"]
    assert because in failed["error"]["message"]
    assert ran.value("b") == 1


def test_what_is_nearly_json_becomes_json(child: Child) -> None:
    assert execute(child, node("a", "returns", params={"what": "numpy"})).value("a") == {
        "count": 3,
        "mean": 0.5,
        "list": [1, 2],
        "flag": True,
    }
    assert execute(child, node("a", "returns", params={"what": "plain"})).value("a") == {
        "price": "1.10",
        "day": "2026-01-05",
        "at": "2026-01-05T00:00:00",
        "point": {"x": 1.0, "at": "2026-01-05"},
    }


def test_a_value_reaches_the_next_op_in_the_type_that_it_declares(child: Child) -> None:
    ran = execute(child, node("days"), node("a", "last_day", inputs={"of": "days"}), node("b", "last_day", inputs={"of": "days"}))
    assert ran.value("a") == ran.value("b") == "Tuesday"


def test_what_one_op_does_to_its_value_the_next_does_not_see(child: Child) -> None:
    names = ["a", "b", "c"]
    ran = execute(child, node("days"), *(node(name, "empties", inputs={"values": "days"}) for name in names))
    assert [ran.value(name) for name in names] == [2, 2, 2]
    assert ran.value("days") == ["2026-01-05", "2026-01-06"]


def test_a_value_that_the_next_op_does_not_accept_names_both(child: Child) -> None:
    ran = execute(child, node("a", "one"), node("b", "last_day", inputs={"of": "a"}))
    message = ran.one("step_failed", "b")["error"]["message"]
    assert "input 'of' does not accept the value of node 'a'" in message


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("lies", "output 'result' of op 'lies' is declared as DataFrame but is a value"),
        ("forgets", "output 'result' of op 'forgets' is declared as DataFrame but is None"),
    ],
)
def test_an_op_that_does_not_keep_its_promise_is_told_so(child: Child, op: str, message: str) -> None:
    assert message in execute(child, node("a", op)).one("step_failed", "a")["error"]["message"]


def test_a_frame_arrives_in_the_form_that_is_asked_for(child: Child) -> None:
    ran = execute(
        child,
        node("frame"),
        node("total", inputs={"data": "frame"}),
        node("arrow", "arrow_rows", inputs={"data": "frame"}),
        node("batch", "batch_rows", inputs={"data": "frame"}),
    )
    assert (ran.value("total"), ran.value("arrow"), ran.value("batch")) == (3.0, 3, 3)
    assert ran.one("step_succeeded", "frame")["metrics"]["record_count"] == 3


def test_what_one_branch_does_to_its_frame_the_other_does_not_see(child: Child) -> None:
    ran = execute(
        child,
        node("frame"),
        node("spoils", inputs={"data": "frame"}),
        node("late", "plus_one", inputs={"number": "spoils"}),
        node("total", inputs={"data": "frame"}),
        node("again", "spoils", inputs={"data": "frame"}),
    )
    assert ran.value("total") == 3.0


def test_a_frame_passes_through_an_op_that_takes_anything(child: Child) -> None:
    ran = execute(child, node("frame"), node("passes_on", inputs={"data": "frame"}), node("total", inputs={"data": "passes_on"}))
    assert ran.value("total") == 3.0


def test_a_value_never_meets_data(child: Child) -> None:
    ran = execute(child, node("a", "one"), node("b", "passes_on", inputs={"data": "a"}), node("c", "total", inputs={"data": "b"}))
    assert "takes a frame, but node 'b' made a value" in ran.one("step_failed", "c")["error"]["message"]


def test_a_frame_is_kept_for_a_resumed_run(child: Child, data_dir: Path) -> None:
    first = execute(child, node("frame"), node("bad", "total", inputs={"data": "frame"}, params={"x": 1}), id="run-kept")
    made = first.one("step_succeeded", "frame")["outputs"]
    assert (data_dir / made["result"]["kept"]).is_file()
    finished = node("frame", status="succeeded", attempts=1, outputs=made)
    second = execute(child, finished, node("total", inputs={"data": "frame"}), id="run-kept", attempt=2)
    assert not second.of("step_began", "frame")
    assert second.value("total") == 3.0


@pytest.mark.parametrize("content", [None, b"", b"ARROW1 half written"])
def test_a_frame_that_is_gone_is_made_again_when_it_is_needed(child: Child, data_dir: Path, content: bytes | None) -> None:
    kept = data_dir / "scratch" / "half.arrow"
    if content is not None:
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(content)
    gone = {"result": {"kind": "frame", "rows": 3, "kept": "scratch/half.arrow"}}
    nodes = [
        node("source", "days", status="succeeded", attempts=1, outputs={"result": {"kind": "frame", "rows": 1, "kept": None}}),
        node("frame", status="succeeded", attempts=1, outputs=gone),
        node("used", "passes_on", inputs={"data": "frame"}, status="succeeded", attempts=1, outputs=gone),
        node("total", inputs={"data": "used"}),
    ]
    ran = execute(child, *nodes, attempt=2)
    assert [name for kind, name in ran.steps if kind == "began"] == ["frame", "used", "total"]
    assert ran.one("step_began", "frame")["attempt"] == 2


def test_a_frame_that_is_gone_and_needed_by_nobody_is_left_alone(child: Child) -> None:
    gone = {"result": {"kind": "frame", "rows": 3, "kept": None}}
    nodes = [
        node("frame", status="succeeded", attempts=1, outputs=gone),
        node("done", "total", inputs={"data": "frame"}, status="succeeded", attempts=1, outputs={}),
        node("failed", "fails", status="failed", attempts=1),
        node("hopeless", "add", inputs={"left": "frame", "right": "failed"}),
        node("other", "one"),
    ]
    ran = execute(child, *nodes, attempt=2)
    assert not ran.of("step_began", "frame")
    assert ran.one("step_skipped", "hopeless")["reason"] == "upstream_failed"
    assert ran.value("other") == 1


def test_a_frame_that_nobody_reads_is_not_written(child: Child) -> None:
    assert execute(child, node("frame")).one("step_succeeded", "frame")["outputs"]["result"] == {
        "kind": "frame",
        "rows": 3,
        "kept": None,
    }


def test_a_frame_that_arrow_cannot_hold_lives_in_memory_alone(child: Child) -> None:
    ran = execute(child, node("mixed_frame"), node("passes_on", inputs={"data": "mixed_frame"}))
    assert ran.one("step_succeeded", "mixed_frame")["outputs"]["result"]["kept"] is None
    assert ran.one("step_succeeded", "passes_on")["outputs"]["result"]["rows"] == 3


def test_skipped_and_failed_steps_of_before_keep_their_meaning(child: Child) -> None:
    nodes = [
        node("failed", "fails", status="failed", attempts=1),
        node("behind", "plus_one", inputs={"number": "failed"}, status="skipped"),
        node("condition", "maybe", status="succeeded", attempts=1, outputs={}),
        node("skipped", "add", inputs={"left": "condition", "right": "condition"}, status="skipped"),
        node("after_failure", "plus_one", inputs={"number": "behind"}),
        node("after_skip", "plus_one", inputs={"number": "skipped"}),
    ]
    ran = execute(child, *nodes, attempt=2)
    assert ran.one("step_skipped", "after_failure")["reason"] == "upstream_failed"
    assert ran.value("after_skip") == 1
