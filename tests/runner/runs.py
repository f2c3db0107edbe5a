"""Runs as a worker would hand them to a run process, and what came back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.engine.children import Child, ExitFacts
from app.errors import OpenbellError

Answers = Callable[[str, dict[str, Any]], Any]


def node(name: str, op: str | None = None, **given: Any) -> dict[str, Any]:
    """A node's spec; inputs as `{"data": "load"}` or `{"data": "load.frame"}`."""
    inputs = {key: [*value.split("."), ""][:2] for key, value in given.pop("inputs", {}).items()}
    return {
        "id": name,
        "op": op or name,
        "inputs": inputs,
        "params": {},
        "retry": None,
        "pools": {},
        "status": "pending",
        "attempts": 0,
        "failures": 0,
        "due_at": None,
        "outputs": {},
        "staged": [],
        **given,
    }


@dataclass
class Ran:
    """Everything that one run told."""

    events: list[Any] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    exit: ExitFacts | None = None

    def of(self, kind: str, name: str | None = None) -> list[Any]:
        return [event for event in self.events if event["type"] == kind and name in (None, event.get("node"))]

    def one(self, kind: str, name: str | None = None) -> Any:
        (event,) = self.of(kind, name)
        return event

    def value(self, name: str, output: str = "result") -> Any:
        return self.one("step_succeeded", name)["outputs"][output]["value"]

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [
            (event["type"].removeprefix("step_"), event["node"]) for event in self.events if event["type"].startswith("step_")
        ]


def send(child: Child, *nodes: dict[str, Any], **run: Any) -> None:
    spec = {"id": "run-1", "attempt": 1, "job": "a_job", "trade_date": None, "params": {}, "tags": {}, "nodes": list(nodes)}
    child.send({"type": "run", "run": spec | run})


def hear(child: Child, ran: Ran, until: Callable[[Ran], Any], answers: Answers | None = None, timeout: float | None = 30) -> Ran:
    """Listen until that is true, or the process is gone."""
    while not until(ran) and ran.exit is None:
        received = child.receive(timeout)
        assert any(received), f"nothing came within {timeout} s after {ran}"
        ran.events += received.events
        ran.output += received.output
        ran.exit = received.exit
        for event in received.events:
            if event["type"] == "ask":
                assert answers is not None, f"nobody answers {event}"
                child.send({"type": "reply", "id": event["id"], **_reply(answers, event)})
    return ran


def _reply(answers: Answers, ask: Any) -> dict[str, Any]:
    try:
        return {"result": answers(ask["what"], ask["params"])}
    except OpenbellError as error:
        return {"error": str(error)}


def execute(child: Child, *nodes: dict[str, Any], answers: Answers | None = None, **run: Any) -> Ran:
    """Run these nodes to the end of the run, or of the process."""
    send(child, *nodes, **run)
    return hear(child, Ran(), lambda ran: ran.of("run_ended"), answers)
