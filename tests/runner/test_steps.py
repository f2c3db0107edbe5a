"""What a run does with its nodes: order, branches, skips, retries, cancellation, resumption."""

from pathlib import Path
from typing import Any

import pytest

from app.engine.children import Child
from tests.runner.runs import Ran, execute, hear, node, send


def test_a_chain_runs_in_order_and_hands_its_values_on(child: Child) -> None:
    ran = execute(
        child,
        node("a", "one"),
        node("b", "plus_one", inputs={"number": "a"}),
        node("c", "add", inputs={"left": "a", "right": "b.result"}),
    )
    assert ran.steps == [
        ("began", "a"),
        ("succeeded", "a"),
        ("began", "b"),
        ("succeeded", "b"),
        ("began", "c"),
        ("succeeded", "c"),
    ]
    assert ran.value("c") == 3
    assert ran.one("run_ended")["due_at"] is None
    assert [event["attempt"] for event in ran.of("step_began")] == [1, 1, 1]


def test_an_op_answers_to_its_alias(child: Child) -> None:
    assert execute(child, node("a", "one_op")).value("a") == 1


def test_an_unknown_op_fails_its_step_alone(child: Child) -> None:
    ran = execute(child, node("a", "no_such_op"), node("b", "one"))
    assert ran.one("step_failed", "a")["reason"] == "unknown_op"
    assert ran.value("b") == 1


def test_branches_run_at_the_same_time(child: Child) -> None:
    names = [f"branch_{number}" for number in range(4)]
    ran = execute(child, node("start", "nothing"), *(node(name, "meets", params={"count": 4}) for name in names))
    assert sorted(ran.value(name) for name in names) == [0, 1, 2, 3]


def test_a_failed_branch_stops_nothing_else(child: Child) -> None:
    ran = execute(
        child,
        node("bad", "fails"),
        node("good", "one"),
        node("after_bad", "plus_one", inputs={"number": "bad"}),
        node("after_both", "add", inputs={"left": "good", "right": "bad"}),
        node("later", "plus_one", inputs={"number": "after_bad"}),
        node("after_good", "plus_one", inputs={"number": "good"}),
    )
    assert ran.value("after_good") == 2
    # An input with a default does not help here: what comes before it failed.
    skipped = {event["node"]: (event["reason"], event["detail"]) for event in ran.of("step_skipped")}
    assert skipped["after_bad"] == ("upstream_failed", "Input 'number' comes from node 'bad', which failed.")
    assert skipped["after_both"] == ("upstream_failed", "Input 'right' comes from node 'bad', which failed.")
    assert skipped["later"][0] == "upstream_failed"
    assert "could not run because a node before it failed" in skipped["later"][1]


def test_what_was_left_out_skips_its_consumers_and_says_so(child: Child) -> None:
    ran = execute(
        child,
        node("condition", "maybe"),
        node("needs", "add", inputs={"left": "condition", "right": "condition"}),
        node("after", "scaled", inputs={"number": "needs"}, params={"factor": 2}),
        node("anyway", "plus_one", inputs={"number": "needs"}),
        node("also", "plus_one", inputs={"number": "condition"}),
    )
    skipped = {event["node"]: (event["reason"], event["detail"]) for event in ran.of("step_skipped")}
    assert skipped == {
        "needs": ("missing_input", "Input 'left' is missing: node 'condition' left out its output 'result'."),
        "after": ("missing_input", "Input 'number' comes from node 'needs', which was skipped."),
    }
    assert ran.value("anyway") == ran.value("also") == 1


def test_named_outputs_are_taken_one_by_one(child: Child) -> None:
    ran = execute(
        child,
        node("a", "parts"),
        node("big", "plus_one", inputs={"number": "a.big"}),
        node("small", "add", inputs={"left": "a.small", "right": "a.big"}),
    )
    assert ran.value("big") == 11
    assert ran.one("step_skipped", "small")["detail"] == "Input 'left' is missing: node 'a' left out its output 'small'."


def test_a_long_chain_behind_a_failure_is_skipped_whole(child: Child) -> None:
    chain = [node(f"n{number}", "plus_one", inputs={"number": f"n{number - 1}"}) for number in range(1, 500)]
    ran = execute(child, node("n0", "fails"), *chain)
    assert len(ran.of("step_skipped")) == 499


def test_params_are_validated_into_their_types(child: Child) -> None:
    ran = execute(child, node("a", "one"), node("b", "scaled", inputs={"number": "a"}, params={"factor": 3, "day": "2026-02-03"}))
    assert ran.value("b") == "3.0 03.02.2026"


def test_a_param_that_does_not_fit_fails_the_step_and_is_named(child: Child) -> None:
    ran = execute(child, node("a", "one"), node("b", "scaled", inputs={"number": "a"}, params={"factor": "much", "other": 1}))
    failed = ran.one("step_failed", "b")
    assert failed["reason"] == "exception"
    assert "op 'scaled' does not accept its params: factor, other" in failed["error"]["message"]


@pytest.mark.parametrize(
    ("how", "reason", "kind", "message"),
    [
        ("value", "exception", "ValueError", "a plain failure"),
        ("odd", "quality_gate", "Odd", "3 rows of 5"),
        ("unprintable", "exception", "Unprintable", "a Unprintable whose text raises RuntimeError"),
        ("surrogate", "exception", "ValueError", "\\ud800 and \\x00"),
        ("enormous", "exception", "ValueError", "characters left out"),
        ("exit", "exception", "SystemExit", "3"),
        ("interrupt", "exception", "KeyboardInterrupt", ""),
        ("memory", "oom", "MemoryError", ""),
        ("disk", "disk_full", "OSError", "No space left"),
        ("local", "exception", "Local", "lambda"),
    ],
)
def test_every_failure_is_told_as_text(child: Child, how: str, reason: str, kind: str, message: str) -> None:
    ran = execute(child, node("a", "fails", params={"how": how}), node("b", "one"))
    failed = ran.one("step_failed", "a")
    assert (failed["reason"], failed["error"]["type"]) == (reason, kind)
    assert message in failed["error"]["message"]
    assert len(str(failed)) < 100_000
    assert failed["error"]["classes"][0] == kind
    assert failed["error"]["classes"][-1] == "BaseException"
    assert failed["error"].get("hint") == ("look at the rows" if how == "odd" else None)
    assert "in fails\n" in failed["error"]["traceback"]
    assert "app/runner" not in failed["error"]["traceback"]
    assert failed["retry_at"] is None
    assert ran.value("b") == 1


def test_a_retry_without_delay_happens_at_once(child: Child) -> None:
    ran = execute(child, node("a", "fails_twice"), node("b", "plus_one", inputs={"number": "a"}))
    assert [event["attempt"] for event in ran.of("step_began", "a")] == [1, 2, 3]
    assert all(event["retry_at"] is not None for event in ran.of("step_failed"))
    assert ran.value("b") == 4


def test_retries_end_where_the_policy_ends(child: Child) -> None:
    ran = execute(child, node("a", "fails", retry={"max_retries": 2, "delay": 0}))
    assert [event["retry_at"] is None for event in ran.of("step_failed")] == [False, False, True]


def test_a_policy_may_retry_certain_errors_alone(child: Child) -> None:
    ran = execute(child, node("a", "fails", retry={"max_retries": 2, "retry_on": ["OSError"]}))
    assert len(ran.of("step_failed")) == 1
    ran = execute(child, node("a", "fails", params={"how": "disk"}, retry={"max_retries": 1, "retry_on": ["OSError"]}))
    assert len(ran.of("step_failed")) == 2


def test_steps_that_want_more_of_a_pool_than_the_run_holds_take_turns(child: Child) -> None:
    wanting = [node(name, "meets_nobody", pools={"vendor": 1}) for name in ("a", "b")]
    ran = execute(child, *wanting, node("c", "meets", params={"count": 1}))
    assert [event["type"] for event in ran.events if event.get("node") == "b"] == ["step_began", "step_succeeded"]
    assert len(ran.of("step_succeeded")) == 3
    wide = [node(name, "meets", params={"count": 2}, pools={"vendor": 1}) for name in ("a", "b")]
    assert len(execute(child, *wide, node("c", "meets", params={"count": 1}, pools={"vendor": 2})).of("step_succeeded")) == 3


def test_a_delayed_retry_is_handed_back_while_branches_go_on(child: Child) -> None:
    ran = execute(
        child,
        node("late", "fails_once", retry={"max_retries": 1, "delay": 3600}),
        node("after", "plus_one", inputs={"number": "late"}),
        node("other", "one"),
        node("beside", "plus_one", inputs={"number": "other"}),
    )
    failed = ran.one("step_failed", "late")
    assert ran.one("run_ended")["due_at"] == failed["retry_at"] > failed["at"]
    assert ran.value("beside") == 2
    assert not ran.of("step_skipped")
    assert not ran.of("step_began", "after")


def test_the_delayed_step_goes_on_where_it_was(child: Child) -> None:
    waiting = node(
        "late", "fails_once", attempts=1, failures=1, due_at="2026-01-01T00:00:00Z", retry={"max_retries": 1, "delay": 60}
    )
    other = node("other", "one", status="succeeded", attempts=1, outputs={"result": {"kind": "value", "value": 5}})
    ran = execute(child, waiting, other, node("sum", "add", inputs={"left": "late", "right": "other"}), attempt=2)
    assert ran.one("step_began", "late")["attempt"] == 2
    assert not ran.of("step_began", "other")
    assert ran.value("sum") == 7


def test_a_step_that_is_not_due_yet_is_not_begun(child: Child) -> None:
    ran = execute(child, node("late", "one", due_at="2999-01-01T00:00:00.000000Z"))
    assert ran.steps == []
    assert ran.one("run_ended")["due_at"] == "2999-01-01T00:00:00.000000Z"


def test_a_short_delay_is_waited_for_beside_a_longer_branch(child: Child, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    send(
        child,
        node("late", "fails_once", retry={"max_retries": 1, "delay": 0.05}),
        node("long", "until_cancelled", params={"mark": str(mark)}),
    )
    ran = hear(child, Ran(), lambda ran: ran.of("step_succeeded", "late"))
    assert not ran.of("run_ended")
    child.send({"type": "cancel"})
    hear(child, ran, lambda ran: ran.of("run_ended"))


def test_cancelling_lets_the_step_see_it_and_begins_no_other(child: Child, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    send(
        child,
        node("long", "until_cancelled", params={"mark": str(mark)}, retry={"max_retries": 3, "delay": 0}),
        node("other", "nothing"),
        node("after", "plus_one", inputs={"number": "long"}),
    )
    ran = hear(child, Ran(), lambda ran: ran.of("step_began", "long"))
    child.send({"type": "cancel"})
    hear(child, ran, lambda ran: ran.of("run_ended"))
    failed = ran.one("step_failed", "long")
    assert (failed["reason"], failed["retry_at"]) == ("cancelled", None)
    assert not ran.of("step_began", "after")
    assert not ran.of("step_skipped"), "what stands behind it is left to the end of the run"


@pytest.mark.parametrize("how", ["looks", "on a thread", "raises"])
def test_an_op_that_saw_the_wish_to_stop_and_returned_is_cancelled(
    child: Child, tmp_path: Path, data_dir: Path, how: str
) -> None:
    long = node("long", "returns_when_cancelled", params={"mark": str(tmp_path / "mark"), "how": how})
    send(child, long, node("after", "rows_of", inputs={"data": "long"}), id=f"saw-{how}")
    ran = hear(child, Ran(), lambda ran: ran.of("step_began", "long"))
    child.send({"type": "cancel"})
    hear(child, ran, lambda ran: ran.of("run_ended"))
    assert ran.steps == [("began", "long"), ("failed", "long")]
    assert ran.one("step_failed")["reason"] == "cancelled"
    assert not list((data_dir / "scratch").glob(f"saw-{how}/**/*.parquet")), "what it made is not kept"


def test_an_op_that_never_looked_is_what_happened(child: Child, tmp_path: Path) -> None:
    mark, beside = tmp_path / "mark", tmp_path / "beside"
    send(
        child,
        node("long", "returns_when_cancelled", params={"mark": str(mark), "how": "never looks"}),
        node("looks", "until_cancelled", params={"mark": str(beside)}),
    )
    ran = hear(child, Ran(), lambda ran: len(ran.of("step_began")) == 2)
    child.send({"type": "cancel"})
    hear(child, ran, lambda ran: ran.of("step_failed", "looks"))
    mark.with_name("mark.end").touch()
    assert hear(child, ran, lambda ran: ran.of("run_ended")).one("step_succeeded")["node"] == "long"
    # Nor is it cancelled because it says so itself: nobody asked it to stop.
    assert execute(child, node("a", "cancels_itself")).one("step_failed")["reason"] == "exception"


def test_a_cancel_right_behind_its_run_is_not_lost_and_does_not_reach_the_next(child: Child, tmp_path: Path) -> None:
    send(child, node("long", "until_cancelled", params={"mark": str(tmp_path / "mark")}), node("b", "one"))
    child.send({"type": "cancel"})
    ran = hear(child, Ran(), lambda ran: ran.of("run_ended"))
    assert not ran.of("step_succeeded", "long")
    assert execute(child, node("a", "one")).value("a") == 1


def test_the_context_tells_the_run(child: Child, data_dir: Path) -> None:
    def answers(what: str, params: dict[str, Any]) -> Any:
        assert (what, params) == ("sessions", {"calendar": "XSHG"})
        return ["2026-01-05", "2026-01-06"]

    run = {"trade_date": "2026-01-06", "params": {"p": 1}, "tags": {"t": "x"}, "job": "my_job", "id": "run-7"}
    told = execute(child, node("a", "tells"), answers=answers, **run).value("a")
    dates = "datetime.date(2026, 1, 6)"
    assert told == f"('run-7', 'my_job', 'a', {dates}, {{'p': 1}}, {{'t': 'x'}}, {dates}, True)"
    assert (data_dir / "scratch" / "run-7" / "mine").read_text() == "x"


def test_every_step_reports_its_metrics(child: Child) -> None:
    metrics = execute(child, node("a", "measures")).one("step_succeeded", "a")["metrics"]
    assert metrics["record_count"] == 3
    assert metrics["processing_time"] > 0
    assert metrics["data_quality_score"] == 0.9
    assert metrics["hit_rate"] == 0.5
    assert metrics["ratio"] is None
    assert metrics["memory_usage"] > 2**20


def test_the_memory_peak_is_the_steps_own(child: Child) -> None:
    ran = execute(
        child,
        node("large", "takes_memory", params={"megabytes": 64}),
        node("after", "plus_one", inputs={"number": "large"}),
    )
    large, after = (ran.one("step_succeeded", name)["metrics"]["memory_usage"] for name in ("large", "after"))
    assert large - after > 32 * 2**20


def test_what_a_run_leaves_in_memory_is_told_at_its_end(child: Child) -> None:
    before = execute(child, node("a", "takes_memory", params={"megabytes": 64})).one("run_ended")["memory_bytes"]
    after = execute(child, node("a", "leaks", params={"megabytes": 64})).one("run_ended")["memory_bytes"]
    assert before < 32 * 2**20 < 64 * 2**20 <= after
