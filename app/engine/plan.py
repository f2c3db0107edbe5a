"""What one attempt of a run has to do: its nodes with what is already known of them, its limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import clock
from app.definitions.catalogue import Catalogue, OpSpec
from app.definitions.messages import NodeSpec, RunSpec
from app.definitions.pipeline import resolve
from app.definitions.retry import RetryPolicy
from app.engine.secrets import revealed
from app.store import definitions, runs
from app.store.claims import Claimed
from app.store.database import Connection
from app.store.fence import Fence
from app.store.status import StepStatus

_KEPT = 200
_NAMED = 20
"""Steps that a log line names."""


@dataclass(frozen=True)
class Plan:
    """A claimed run: what its process is told, and what its supervisor watches."""

    fence: Fence
    spec: RunSpec
    timeout_seconds: float | None
    memory_limit_bytes: int | None
    step_timeouts: dict[str, float]
    retries: dict[str, RetryPolicy]
    failures: dict[str, int]
    opening: str | None
    """The first line of its log: which attempt it is, why the one before ended, what it takes over."""


class Planner:
    """Makes plans with one catalogue. Keeps the documents of pipelines: a version never changes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._ops = catalogue.by_name
        self._documents: dict[tuple[str, int], dict[str, Any]] = {}

    def plan(self, connection: Connection, claimed: Claimed) -> Plan:
        """The plan of a run that was just claimed. Raises ConfigurationError for a secret that is not set."""
        fence, run = claimed.fence, claimed.run
        steps = {step["node"]: step for step in runs.own_steps(connection, fence.run_id)}
        nodes, timeouts, retries = [], {}, {}
        for node in resolve(self._document(connection, run["pipeline"], run["pipeline_version"]), run["params"]):
            op = self._ops[steps[node["id"]]["op"]]
            policy = node["retry"] or (op.retry.model_dump(mode="json") if op.retry else None)
            nodes.append(_node(node, steps[node["id"]], policy, op))
            if policy:
                retries[node["id"]] = RetryPolicy.model_validate(policy)
            if timeout := node["timeout_seconds"] or op.timeout_seconds:
                timeouts[node["id"]] = timeout
        failures = {name: step["failures"] for name, step in steps.items()}
        limits = (run["timeout_seconds"], run["memory_limit_bytes"])
        return Plan(fence, _spec(fence, run, nodes), *limits, timeouts, retries, failures, _opening(fence, run, nodes))

    def _document(self, connection: Connection, name: str, version: int) -> dict[str, Any]:
        document = self._documents.get((name, version))
        if document is None:
            if len(self._documents) >= _KEPT:
                self._documents.clear()
            document = self._documents[name, version] = definitions.get(connection, "pipeline", name, version).document
        return document


def _opening(fence: Fence, run: Mapping[str, Any], nodes: list[NodeSpec]) -> str | None:
    if fence.attempt > 1:
        begun = f"Attempt {fence.attempt} of the run. Attempt {fence.attempt - 1} ended: {run['interruption'] or 'unknown why.'}"
    elif run["retry_of"] is not None:
        begun = f"A retry of run {run['retry_of']}."
    else:
        return None
    finished = [node["id"] for node in nodes if node["status"] == "succeeded"]
    names = ", ".join(finished[:_NAMED])
    more = f" and {len(finished) - _NAMED} more" if len(finished) > _NAMED else ""
    return f"{begun} Taken over as finished: {names}{more}." if finished else f"{begun} No step was finished."


def _spec(fence: Fence, run: Mapping[str, Any], nodes: list[NodeSpec]) -> RunSpec:
    return {
        "id": fence.run_id,
        "attempt": fence.attempt,
        "job": run["job"],
        "trade_date": run["trade_date"].isoformat() if run["trade_date"] else None,
        "params": run["params"],
        "tags": run["tags"],
        "nodes": nodes,
    }


def _node(node: dict[str, Any], step: Mapping[str, Any], policy: dict[str, Any] | None, op: OpSpec) -> NodeSpec:
    known = step["status"] in (StepStatus.succeeded, StepStatus.failed, StepStatus.skipped)
    return {
        "id": node["id"],
        "op": step["op"],
        "inputs": node["inputs"],
        "params": revealed(node["params"]),
        "retry": policy,
        "pools": {**op.pools, **node["pools"]},
        "status": step["status"] if known else "pending",
        "attempts": step["attempt"],
        "failures": step["failures"],
        "due_at": clock.iso(step["due_at"]) if step["due_at"] else None,
        "outputs": step["outputs"] or {},
        "staged": step["staged"] or [],
    }
