"""What a run's process reported, written down in order under the run's fence."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from app import clock
from app.definitions.messages import StepBegan, StepFailed, StepSkipped, StepSucceeded
from app.store import transitions
from app.store.changes import run_topic
from app.store.database import touch
from app.store.fence import Fence, guard
from app.store.status import StepStatus
from app.store.tables import step_attempts, steps

StepEvent = StepBegan | StepSucceeded | StepFailed | StepSkipped

_BEGIN = (
    update(steps)
    .where(steps.c.run_id == bindparam("run"), steps.c.node == bindparam("at_node"))
    .values(
        status=StepStatus.running,
        reason=None,
        attempt=bindparam("step_attempt"),
        run_attempt=bindparam("claim"),
        due_at=None,
        started_at=bindparam("begun"),
        finished_at=None,
        error=None,
    )
)
# A step's begin and its end are two statements: they may come in two batches, and the end must not undo the begin.
_END = (
    update(steps)
    .where(steps.c.run_id == bindparam("run"), steps.c.node == bindparam("at_node"))
    .values(
        status=bindparam("to"),
        reason=bindparam("why"),
        failures=steps.c.failures + bindparam("failed"),
        due_at=bindparam("due"),
        finished_at=bindparam("ended"),
        metrics=bindparam("measured", type_=steps.c.metrics.type),
        outputs=bindparam("made", type_=steps.c.outputs.type),
        staged=bindparam("wrote", type_=steps.c.staged.type),
        error=bindparam("fault", type_=steps.c.error.type),
    )
)
_END_ATTEMPT = (
    update(step_attempts)
    .where(
        step_attempts.c.run_id == bindparam("run"),
        step_attempts.c.node == bindparam("at_node"),
        step_attempts.c.attempt == bindparam("step_attempt"),
    )
    .values(
        status=bindparam("to"),
        reason=bindparam("why"),
        finished_at=bindparam("ended"),
        metrics=bindparam("measured", type_=step_attempts.c.metrics.type),
        error=bindparam("fault", type_=step_attempts.c.error.type),
    )
)


def record(connection: Connection, fence: Fence, events: Sequence[StepEvent]) -> None:
    """Write a batch of a run's step events. Raises LeaseLost, and then nothing of the batch is kept."""
    job = guard(connection, fence)["job"]
    for group in _groups(events):
        _record(connection, fence, job, group)
    touch(connection, run_topic(fence.run_id))


def _groups(events: Iterable[StepEvent]) -> Iterator[list[StepEvent]]:
    """Split where a step begins again, so that each group may be written as all begins, then all ends."""
    group: list[StepEvent] = []
    ended: set[str] = set()
    for event in events:
        if event["type"] == "step_began" and event["node"] in ended:
            yield group
            group, ended = [], set()
        elif event["type"] != "step_began":
            ended.add(event["node"])
        group.append(event)
    if group:
        yield group


def _record(connection: Connection, fence: Fence, job: str, events: Sequence[StepEvent]) -> None:
    begun = [event for event in events if event["type"] == "step_began"]
    ended = [event for event in events if event["type"] != "step_began"]
    if begun:
        rows = [_begin(fence, event) for event in begun]
        connection.execute(_BEGIN, rows)
        connection.execute(insert(step_attempts), [_attempt(row) for row in rows])
    if ended:
        rows = [_end(fence, event) for event in ended]
        connection.execute(_END, [{key: row[key] for key in _END_KEYS} for row in rows])
        if attempts := [row for row in rows if row["step_attempt"] is not None]:
            connection.execute(_END_ATTEMPT, [_end_attempt(row) for row in attempts])
    transitions.add(connection, [_moved(fence, job, event) for event in events])


_END_KEYS = ("run", "at_node", "to", "why", "failed", "due", "ended", "measured", "made", "wrote", "fault")
_END_ATTEMPT_KEYS = ("run", "at_node", "step_attempt", "to", "why", "ended", "measured", "fault")


def _begin(fence: Fence, event: StepBegan) -> dict[str, Any]:
    return {
        "run": fence.run_id,
        "at_node": event["node"],
        "step_attempt": event["attempt"],
        "claim": fence.attempt,
        "begun": clock.parse(event["at"]),
    }


def _attempt(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_id": row["run"],
        "node": row["at_node"],
        "attempt": row["step_attempt"],
        "run_attempt": row["claim"],
        "status": "running",
        "started_at": row["begun"],
    }


def _end(fence: Fence, event: StepSucceeded | StepFailed | StepSkipped) -> dict[str, Any]:
    at = clock.parse(event["at"])
    row: dict[str, Any] = dict.fromkeys((*_END_KEYS, "step_attempt"))
    row.update(run=fence.run_id, at_node=event["node"], failed=0, ended=at)
    if event["type"] == "step_succeeded":
        row.update(to=StepStatus.succeeded, made=event["outputs"], wrote=event["staged"] or None)
    elif event["type"] == "step_failed":
        due = event["retry_at"]
        row.update(to=StepStatus.failed, why=event["reason"], fault=event["error"], failed=int(event["reason"] != "interrupted"))
        row.update(due=clock.parse(due) if due else None)
    else:
        fault = {"type": event["reason"], "message": event["detail"]}
        return {**row, "to": StepStatus.skipped, "why": event["reason"], "fault": fault}
    row.update(step_attempt=event["attempt"], measured=event["metrics"])
    if row["due"] is not None:  # a further try is due: the step waits again
        row.update(to=StepStatus.pending, ended=None)
        row["attempt_ended"] = at
    return row


def _end_attempt(row: dict[str, Any]) -> dict[str, Any]:
    values = {key: row[key] for key in _END_ATTEMPT_KEYS}
    if row["due"] is not None:
        values.update(to="failed", ended=row["attempt_ended"])
    return values


def _moved(fence: Fence, job: str, event: StepEvent) -> dict[str, Any]:
    to = event["type"].removeprefix("step_").replace("began", "running")
    row: dict[str, Any] = {"subject": "step", "name": fence.run_id, "job": job, "node": event["node"], "to_status": to}
    row.update(attempt=event.get("attempt"), worker=fence.worker, reason=event.get("reason"))
    return row
