"""One attempt of one step: begin, call the op, settle what it returned, end; or fail as text."""

from datetime import datetime
from typing import Any

from app import clock
from app.definitions.context import Cancelled
from app.definitions.lake import StagedFile
from app.definitions.messages import StepFailed, StepReason, StepSucceeded
from app.definitions.op import Op
from app.definitions.retry import RetryPolicy
from app.runner import failure, memory
from app.runner.call import call, params_of
from app.runner.context import StepContext
from app.runner.failure import BeginAgain, StepError
from app.runner.graph import Node
from app.runner.metrics import Metrics
from app.runner.outputs import settle
from app.runner.publication import ROUNDS, publish
from app.runner.run import Run


def attempt(node: Node, run: Run, *, alone: bool) -> None:
    """Try the node once and tell the worker; afterwards it is succeeded, failed, cancelled, or pending with a `due_at`.

    `alone`: no other step runs beside it, so the memory peak is its own.
    """
    node.status = "running"
    node.attempts += 1
    node.saw_stop = False
    run.emitter.emit({"type": "step_began", "node": node.id, "attempt": node.attempts, "at": _now()})
    if alone:
        memory.reset_peak()
    metrics = Metrics()
    with run.journal.attributed(node.id, node.attempts), run.lake.noting() as staged:
        try:
            _perform(node, run, metrics, staged)
        except BaseException as error:
            run.lake.drop(staged)
            _fail(node, run, error, metrics)
        else:
            node.status = "succeeded"


def _perform(node: Node, run: Run, metrics: Metrics, staged: list[StagedFile]) -> None:
    op = node.op
    if op is None:
        raise StepError("unknown_op", f"there is no op {node.spec['op']!r} in the modules of this worker")
    params = params_of(f"op {op.spec.name!r}", op.params_model, node.spec["params"])
    context = StepContext(run, node, staged, metrics)
    for _ in range(ROUNDS):
        try:
            result = call(op, node, run, context, params)
            if node.saw_stop:
                # Why it returned cannot be known: what it returned may be half done.
                raise Cancelled("the op saw that the run is to stop, and returned")
            node.outputs = settle(op, node, result, run)
            end = _success(node, metrics, run.lake.settle(staged))
            if _publishes(op, params):
                publish(run, node, staged, end)
            else:
                run.emitter.emit(end)
            return
        except BeginAgain:
            run.journal.write("info", "Another run published first: this step begins again on the new snapshot", {})
    raise StepError("not_published", f"other runs published first {ROUNDS} times while this step was at work")


def _publishes(op: Op, params: dict[str, Any]) -> bool:
    by = op.spec.publishes
    return bool(params[by]) if isinstance(by, str) else by


def _success(node: Node, metrics: Metrics, staged: list[StagedFile]) -> StepSucceeded:
    found = metrics.finish(node.outputs, node.given)
    quality = found["data_quality_score"]
    for output in node.outputs.values():
        if output["kind"] == "frame" and isinstance(quality, float | int):
            # A frame cannot say how good it is, and what is made of it is no better.
            output["quality"] = quality
    return {
        "type": "step_succeeded",
        "node": node.id,
        "attempt": node.attempts,
        "at": _now(),
        "outputs": node.outputs,
        "metrics": found,
        "staged": staged,
    }


def _fail(node: Node, run: Run, error: BaseException, metrics: Metrics) -> None:
    facts = failure.describe(error)
    reason = _reason(node, run, error)
    if reason == "cancelled":
        node.due_at = None
    else:
        node.failures += 1
        node.due_at = _retry_at(node, tuple(facts["classes"]))
    node.broken = node.due_at is None
    failed: StepFailed = {
        "type": "step_failed",
        "node": node.id,
        "attempt": node.attempts,
        "at": _now(),
        "reason": reason,
        "error": facts,
        "metrics": metrics.finish(),
        "retry_at": clock.iso(node.due_at) if node.due_at else None,
    }
    run.emitter.emit(failed)
    # Last, because the loop begins or skips what comes after as soon as it sees it.
    if reason == "cancelled":
        node.status = "cancelled"
    else:
        node.status = "failed" if node.broken else "pending"


def _reason(node: Node, run: Run, error: BaseException) -> StepReason:
    """Why it did not succeed: cancelled only if the run is to stop and the step knew; an op that never looked has failed."""
    if node.saw_stop:
        return "cancelled"
    reason = failure.reason_of(error)
    return "exception" if reason == "cancelled" and not run.cancelled.is_set() else reason


def _retry_at(node: Node, classes: tuple[str, ...]) -> datetime | None:
    policy = _policy(node)
    if policy is None or not policy.allows(node.failures, classes):
        return None
    return clock.now() + policy.delay_before(node.failures)


def _policy(node: Node) -> RetryPolicy | None:
    if node.spec["retry"] is not None:
        return RetryPolicy.model_validate(node.spec["retry"])
    return node.op.spec.retry if node.op else None


def _now() -> str:
    return clock.iso(clock.now())
