"""A retry by hand: a new run of the same versions and params that takes over what is finished."""

from typing import Any

from app.definitions.catalogue import Catalogue
from app.definitions.graph import downstream
from app.definitions.names import suggestion
from app.errors import Conflict, Fault, Invalid
from app.store import definitions, runs
from app.store.acceptance import Cause, new_run
from app.store.database import Connection
from app.store.runs import NewRun
from app.store.status import RunStatus, StepStatus

_TAKEN_OVER = ("status", "attempt", "started_at", "finished_at", "metrics", "outputs", "staged")


def retry(connection: Connection, catalogue: Catalogue, run_id: str, start: str, note: str | None) -> NewRun:
    """The run that retries this one from `failed`, from `start`, or from a node and all behind it.

    Raises NotFound; Conflict while the run is not final, and from `failed` when it succeeded; Invalid for a node that its
    pipeline does not have.
    """
    old = runs.get(connection, run_id)
    if not RunStatus(old["status"]).is_final:
        raise Conflict(f"Run {run_id} is {old['status']}: only a run that has ended can be retried.")
    if start == "failed" and old["status"] == RunStatus.succeeded:
        hint = 'Do all of it again with "from": "start" (openbell retry --from start), or name the step to begin with.'
        raise Conflict(f"Nothing failed in run {run_id}: it succeeded.", hint=hint)
    job = definitions.get(connection, "job", old["job"], old["job_version"])
    pipeline = definitions.get(connection, "pipeline", old["pipeline"], old["pipeline_version"])
    steps = runs.steps_of(connection, [run_id])
    again = _begun_again(pipeline.document, steps, start)
    reused = {step["node"]: {name: step[name] for name in _TAKEN_OVER} for step in steps if step["node"] not in again}
    return new_run(
        job, pipeline, catalogue, params=dict(old["params"]), tags=dict(old["tags"]), priority=old["priority"],
        trade_date=old["trade_date"], cause=Cause("retry", run_id), note=note, retry_of=run_id, reused=reused,
    )  # fmt: skip


def _begun_again(document: dict[str, Any], steps: Any, start: str) -> set[str]:
    """The nodes that the new run executes; the others must have succeeded to be taken over."""
    nodes = {step["node"] for step in steps}
    if start == "start":
        return nodes
    unfinished = {step["node"] for step in steps if step["status"] != StepStatus.succeeded}
    if start == "failed":
        return unfinished | downstream(document, unfinished)
    if start not in nodes:
        message = f"there is no node {start!r}{suggestion(start, nodes)}"
        raise Invalid("There is nothing to retry from.", faults=[Fault("/from", message)])
    again = {start} | unfinished
    return again | downstream(document, again)
