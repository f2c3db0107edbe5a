"""What the crash tests do, and what must have become of it whatever crashed.

`act` is the client's half: after a crash it is done again, as a client would, with the same Idempotency-Key. It answers the
runs that it made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.crash_stage import Stage

Node = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """Some work, and what its runs and their steps end as."""

    name: str
    nodes: Sequence[Node]
    act: Callable[[Stage, str], list[str]]
    status: str = "succeeded"
    steps: dict[str, set[str]] = field(default_factory=dict)
    """Of the nodes that do not simply succeed."""
    failing: frozenset[str] = frozenset()
    """Nodes whose op fails once of its own accord, unless its process is lost before that is told."""
    values: dict[str, int] = field(default_factory=dict)
    publishes: bool = False
    job: dict[str, Any] | None = None
    prepare: Callable[[Stage, str], None] = lambda stage, key: None

    def register(self, stage: Stage) -> None:
        """Make its pipeline and job known."""
        stage.ask("register", list(self.nodes), {"name": self.name, **(self.job or {})})


def _node(name: str, op: str, inputs: dict[str, str] | None = None, params: dict[str, Any] | None = None, **more: Any) -> Node:
    return {"id": name, "op": op, "inputs": inputs or {}, "params": params or {}, **more}


def _run(name: str, **params: Any) -> Callable[[Stage, str], list[str]]:
    def act(stage: Stage, key: str) -> list[str]:
        run = stage.ask("enqueue", name, key, _filled(params, stage, key))
        stage.ask("final", run)
        return [run]

    return act


def _filled(params: dict[str, Any], stage: Stage, key: str) -> dict[str, Any]:
    return {name: value(stage, key) if callable(value) else value for name, value in params.items()}


def _mark(stage: Stage, key: str) -> str:
    return str(stage.folder / f"mark.{key}")


def _several(stage: Stage, key: str) -> list[str]:
    made = [stage.ask("enqueue", "claim", f"{key}.{number}", {}) for number in range(3)]
    for run in made:
        stage.ask("final", run)
    return made


def _fail(stage: Stage, key: str) -> None:
    run = stage.ask("enqueue", "retry_by_hand", f"{key}.first", {"mark": _mark(stage, key)})
    assert stage.ask("final", run)["status"] == "failed"
    Path(_mark(stage, key)).touch()
    Path(f"{_mark(stage, key)}.run").write_text(run)


def _retry(stage: Stage, key: str) -> list[str]:
    run = stage.ask("retry", Path(f"{_mark(stage, key)}.run").read_text(), key)
    stage.ask("final", run)
    return [run]


def _cancel(stage: Stage, key: str) -> list[str]:
    run = stage.ask("enqueue", "cancel", key, {"mark": _mark(stage, key)})
    stage.ask("running", _mark(stage, key))
    stage.ask("cancel", run)
    stage.ask("final", run)
    return [run]


_DIAMOND = [
    _node("a", "count"),
    _node("b", "count", {"number": "a"}),
    _node("c", "count", {"number": "a"}),
    _node("d", "count", {"number": "b", "other": "c"}),
]
_MARKED = {"declared": {"mark": {"type": "string"}}}
_BY_MARK = {"mark": "${params.mark}"}

STEP = Scenario("step", _DIAMOND, _run("step"), values={"a": 1, "b": 2, "c": 2, "d": 5})
CLAIM = Scenario(
    "claim", [_node("a", "count", pools={"narrow": 1})], _several, job={"max_concurrent_runs": 2, "limits": {"narrow": 1}}
)
PUBLISH = Scenario(
    "publish",
    [_node("stage", "stage", params={"value": "${params.value}"}), _node("publish", "publish", {"bars": "stage"})],
    _run("publish", value=lambda stage, key: float(key)),
    publishes=True,
    job={"declared": {"value": {"type": "number"}}},
)
OP_RETRY = Scenario(
    "op_retry",
    [_node("a", "fail_first", params=_BY_MARK, retry={"max_retries": 1, "delay": 0.05}), _node("b", "count", {"number": "a"})],
    _run("op_retry", mark=_mark),
    failing=frozenset("a"),
    job=_MARKED,
)
RUN_RETRY = Scenario(
    "run_retry",
    [_node("a", "fail_first", params=_BY_MARK), _node("b", "count", {"number": "a"})],
    _run("run_retry", mark=_mark),
    failing=frozenset("a"),
    job={**_MARKED, "retry": {"max_retries": 1, "delay": 0.05}},
)
RETRY_BY_HAND = Scenario(
    "retry_by_hand",
    [_node("a", "count"), _node("b", "fail_without", {"number": "a"}, _BY_MARK)],
    _retry,
    job=_MARKED,
    prepare=_fail,
)
CANCEL = Scenario(
    "cancel",
    [_node("a", "hold", params=_BY_MARK), _node("b", "count", {"number": "a"})],
    _cancel,
    status="cancelled",
    steps={"a": {"cancelled"}, "b": {"cancelled"}},
    job=_MARKED,
)
SCENARIOS = (CLAIM, STEP, PUBLISH, OP_RETRY, RUN_RETRY, RETRY_BY_HAND, CANCEL)
