"""What a run's process reported, written down in order under the run's fence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from app import clock
from app.definitions.messages import StepBegan, StepFailed, StepSkipped, StepSucceeded
from app.store import driver, transitions
from app.store.changes import run_topic
from app.store.database import touch
from app.store.fence import Fence, guard
from app.store.prepared import Prepared
from app.store.status import Reason, StepStatus
from app.store.tables import step_attempts, steps

StepEvent = StepBegan | StepSucceeded | StepFailed | StepSkipped

_BEGIN = Prepared(
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
_END = Prepared(
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
_END_ATTEMPT = Prepared(
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
_BEGIN_AND_END = Prepared(
    _END.statement.values(attempt=bindparam("step_attempt"), run_attempt=bindparam("claim"), started_at=bindparam("begun"))
)
_INSERT_ATTEMPT = Prepared(insert(step_attempts).inline(), step_attempts.c.keys())


def record(connection: Connection, fence: Fence, events: Sequence[StepEvent], *, again: bool = False) -> Mapping[str, Any]:
    """Write a batch of a run's step events; answers the guarded run. Raises LeaseLost: then nothing of the batch is kept.

    `again`: it was tried before and no answer came. It may be there already, as a whole.
    """
    run = guard(connection, fence)
    if again and _is_written(connection, fence, events[0]):
        return run
    with driver.together(connection):
        for group in _groups(events):
            _record(connection, fence, run["job"], group)
    touch(connection, run_topic(fence.run_id))
    return run


def _is_written(connection: Connection, fence: Fence, event: StepEvent) -> bool:
    if event["type"] == "step_skipped":
        found = select(steps.c.node).where(steps.c.status == StepStatus.skipped)
    else:
        found = select(step_attempts.c.node).where(step_attempts.c.attempt == event["attempt"])
        if event["type"] != "step_began":
            found = found.where(step_attempts.c.finished_at.is_not(None))
    table = steps if event["type"] == "step_skipped" else step_attempts
    return connection.execute(found.where(table.c.run_id == fence.run_id, table.c.node == event["node"])).first() is not None


def _groups(events: Iterable[StepEvent]) -> Iterator[list[StepEvent]]:
    """Split where a step begins again, so that in each group a step begins at most once and ends at most once, later."""
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
    begun = {event["node"]: _begin(fence, event) for event in events if event["type"] == "step_began"}
    ended = {event["node"]: _end(fence, event) for event in events if event["type"] != "step_began"}
    whole = begun.keys() & ended.keys()
    for statement, rows in (
        (_BEGIN, [row for node, row in begun.items() if node not in whole]),
        (_BEGIN_AND_END, [{**row, **ended[node]["step"]} for node, row in begun.items() if node in whole]),
        (_END, [row["step"] for node, row in ended.items() if node not in whole]),
        (_INSERT_ATTEMPT, [_attempt(row, ended.get(node)) for node, row in begun.items()]),
        (_END_ATTEMPT, [row["attempt"] for node, row in ended.items() if node not in whole and row["attempt"]]),
    ):
        if rows:
            statement.run(connection, rows)
    transitions.add(connection, [_moved(fence, job, event) for event in events])


def _begin(fence: Fence, event: StepBegan) -> dict[str, Any]:
    return {
        "run": fence.run_id,
        "at_node": event["node"],
        "step_attempt": event["attempt"],
        "claim": fence.attempt,
        "begun": clock.parse(event["at"]),
    }


def _attempt(begun: dict[str, Any], ended: dict[str, Any] | None) -> dict[str, Any]:
    """The attempt's row: with its end already, when both came in one batch."""
    end = ended["attempt"] if ended else {"to": "running", "why": None, "ended": None, "measured": None, "fault": None}
    return {
        "run_id": begun["run"],
        "node": begun["at_node"],
        "attempt": begun["step_attempt"],
        "run_attempt": begun["claim"],
        "started_at": begun["begun"],
        "status": end["to"],
        "reason": end["why"],
        "finished_at": end["ended"],
        "metrics": end["measured"],
        "error": end["fault"],
    }


def _end(fence: Fence, event: StepSucceeded | StepFailed | StepSkipped) -> dict[str, Any]:
    """What the step's row and its attempt's row become; a step for which a further try is due waits again."""
    at = clock.parse(event["at"])
    key = {"run": fence.run_id, "at_node": event["node"]}
    plain: dict[str, Any] = {
        "why": None,
        "failed": 0,
        "due": None,
        "ended": at,
        "measured": None,
        "made": None,
        "wrote": None,
        "fault": None,
    }
    if event["type"] == "step_skipped":
        fault = {"type": event["reason"], "message": event["detail"]}
        return {"step": {**key, **plain, "to": StepStatus.skipped, "why": event["reason"], "fault": fault}, "attempt": None}
    if event["type"] == "step_succeeded":
        end: dict[str, Any] = {"to": StepStatus.succeeded, "why": None, "ended": at, "measured": event["metrics"], "fault": None}
        step = {**plain, **end, "made": event["outputs"], "wrote": event["staged"] or None}
    else:
        cut_short = event["reason"] == Reason.cancelled
        end = {
            "to": StepStatus.cancelled if cut_short else StepStatus.failed,
            "why": event["reason"],
            "ended": at,
            "measured": event["metrics"],
            "fault": event["error"],
        }
        step = {**plain, **end, "failed": int(event["reason"] not in (Reason.interrupted, Reason.cancelled))}
        if event["retry_at"]:
            step.update(to=StepStatus.pending, due=clock.parse(event["retry_at"]), ended=None)
    return {"step": {**key, **step}, "attempt": {**key, **end, "step_attempt": event["attempt"]}}


def _moved(fence: Fence, job: str, event: StepEvent) -> dict[str, Any]:
    to = event["type"].removeprefix("step_").replace("began", "running")
    if event.get("reason") == Reason.cancelled:
        to = StepStatus.cancelled
    row: dict[str, Any] = {"subject": "step", "name": fence.run_id, "job": job, "node": event["node"], "to_status": to}
    row.update(attempt=event.get("attempt"), worker=fence.worker, reason=event.get("reason"))
    return row
