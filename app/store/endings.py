"""How a run's execution ends, decided from its steps in the transaction that writes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update

from app import clock
from app.definitions.retry import RetryPolicy
from app.store import claims, interruptions
from app.store.fence import Fence, guard
from app.store.prepared import Prepared
from app.store.status import FINAL_STEP, Reason, RunStatus, StepStatus
from app.store.tables import steps

_STEPS = Prepared(
    select(steps.c.node, steps.c.status, steps.c.reason, steps.c.due_at, steps.c.error)
    .where(steps.c.run_id == bindparam("run"))
    .order_by(steps.c.position)
)


def settle(
    connection: Connection, fence: Fence, limit: tuple[Reason, str] | None = None, guarded: Mapping[str, Any] | None = None
) -> RunStatus:
    """End the run if its steps are final, or give it back until the next one is due. Raises LeaseLost.

    `limit` is the limit that the run as a whole has reached: it fails. A run that was asked to stop is cancelled, unless
    everything was done: the ending is what happened. `guarded` is the run's row where this transaction has it already.
    """
    run = guarded or guard(connection, fence)
    if limit is not None:
        reason, sentence = limit
        return _failed(connection, fence, run, reason, {"type": reason.value, "message": sentence})
    found = _STEPS.all(connection, {"run": fence.run_id})
    waiting = [step for step in found if step["status"] not in FINAL_STEP]
    # What the wish to stop cut short has ended already, as cancelled.
    if run["cancel_requested_at"] is not None and (waiting or any(step["reason"] == Reason.cancelled for step in found)):
        claims.finish(connection, fence, run, RunStatus.cancelled, Reason.cancelled)
        return RunStatus.cancelled
    if waiting:
        delayed = [step for step in waiting if step["due_at"]]
        due = min((step["due_at"] for step in delayed), default=run["queued_at"])
        failures = [interruptions.failure(step["node"], step["error"]) for step in delayed]
        cause = Reason(delayed[0]["reason"]) if delayed and delayed[0]["reason"] else None
        return claims.release(connection, fence, run, due, f"{', '.join(failures) or 'Steps were left'}.", reason=cause)
    failed = [step for step in found if step["status"] in (StepStatus.failed, StepStatus.cancelled)]
    if not failed:
        claims.finish(connection, fence, run, RunStatus.succeeded)
        return RunStatus.succeeded
    error = {"node": failed[0]["node"], **(failed[0]["error"] or {})}
    return _failed(connection, fence, run, Reason(failed[0]["reason"]), error)


def _failed(connection: Connection, fence: Fence, run: Mapping[str, Any], reason: Reason, error: dict[str, Any]) -> RunStatus:
    """End the run as failed, or give it back if its job's retry policy pays for another attempt."""
    if (due := _run_retry(run, tuple(error.get("classes", ())))) is not None:
        _begin_again(connection, fence)
        why = f"{interruptions.failure(error.get('node'), error)}."
        return claims.release(connection, fence, run, due, why, reason=reason, failures=1)
    summary = {key: error[key] for key in ("node", "type", "message", "hint") if error.get(key)}
    claims.finish(connection, fence, run, RunStatus.failed, reason, summary)
    return RunStatus.failed


def _run_retry(run: Mapping[str, Any], error_classes: tuple[str, ...]) -> datetime | None:
    if not run["retry"] or run["cancel_requested_at"] is not None:
        return None
    policy, failures = RetryPolicy.model_validate(run["retry"]), run["failures"] + 1
    return clock.now() + policy.delay_before(failures) if policy.allows(failures, error_classes) else None


def _begin_again(connection: Connection, fence: Fence) -> None:
    """What did not succeed waits again, its op's own retries counted anew; what succeeded is taken over."""
    unfinished = and_(steps.c.run_id == fence.run_id, steps.c.status != StepStatus.succeeded)
    again = {"status": StepStatus.pending, "reason": None, "error": None, "failures": 0, "due_at": None}
    connection.execute(update(steps).where(unfinished).values(finished_at=None, started_at=None, **again))


def lose(connection: Connection, fence: Fence, reason: Reason, error: dict[str, Any]) -> RunStatus:
    """The run's process went unasked: one lost child; the third ends the run. Raises LeaseLost.

    `error` is the steps' that were at work; its message is a sentence.
    """
    run = guard(connection, fence)
    claims.interrupt(connection, fence, reason, error)
    return crash(connection, fence, run, error.get("message") or f"It ended by {reason}.")


def crash(connection: Connection, fence: Fence, run: Mapping[str, Any], why: str) -> RunStatus:
    """Give the guarded run back as one lost child."""
    return claims.release(connection, fence, run, run["queued_at"], why, reason=Reason.interrupted, crashed=True)


def hand_back(connection: Connection, fence: Fence, due_at: datetime | None = None, why: str | None = None) -> RunStatus:
    """The run goes back to the queue as it is, at nobody's cost: its worker stops, unless `why` is another sentence.

    Raises LeaseLost.
    """
    run = guard(connection, fence)
    why = why or interruptions.of_worker(connection, fence.worker, "was stopped")
    reason = Reason.interrupted
    claims.interrupt(connection, fence, reason, interruptions.error(reason, why))
    return claims.release(connection, fence, run, due_at or run["queued_at"], why, reason=reason)
