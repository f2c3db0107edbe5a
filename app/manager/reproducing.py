"""Reproducing a run: what it takes, and what of that is missing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from app.definitions.catalogue import Catalogue
from app.errors import Conflict, Fault, NotFound
from app.store import definitions, lake, reproduction, runs
from app.store.acceptance import Cause, new_run
from app.store.database import Connection
from app.store.runs import NewRun
from app.store.status import RunStatus

JOB = "reproduce_job"
EFFECTS = "effects"
"""The tag of an op that does more than stage and publish, as it says: its run cannot be repeated without doing that again."""


def reproduction_of(connection: Connection, catalogue: Catalogue, run_id: str) -> NewRun:
    """The run that makes again what this one made, to be compared and not published.

    Raises NotFound; Conflict with everything that is missing or keeps it from being made again.
    """
    old = runs.get(connection, run_id)
    if old["status"] != RunStatus.succeeded:
        raise Conflict(f"Run {run_id} is {old['status']}: only a run that succeeded can be reproduced.")
    base = reproduction.base_of(connection, old)
    if faults := list(_missing(connection, catalogue, old, base)):
        hint = "What is kept for how long: OPENBELL_SNAPSHOT_DAYS; `openbell pin` keeps a snapshot longer."
        raise Conflict(f"Run {run_id} cannot be reproduced.", faults=faults, hint=hint)
    job = definitions.get(connection, "job", JOB)
    pipeline = definitions.get(connection, "pipeline", old["pipeline"], old["pipeline_version"])
    made = new_run(
        job, pipeline, catalogue, params=dict(old["params"]), tags=dict(job.document.get("tags") or {}), priority=20,
        trade_date=old["trade_date"], cause=Cause("manual", run_id), note=f"reproduces run {run_id} of {old['job']}",
    )  # fmt: skip
    return replace(made, reproduces=run_id, read_snapshot=base)


def _missing(connection: Connection, catalogue: Catalogue, old: Any, base: int | None) -> Iterator[Fault]:
    ops = catalogue.by_name
    for name, version in sorted(old["code_versions"].items()):
        op = ops.get(name)
        if op is None:
            yield Fault(f"/ops/{name}", f"no worker has the op {name!r} any more")
        elif op.code_version != version:
            yield Fault(f"/ops/{name}", f"the op {name!r} has other code now: {op.code_version}, and had {version}")
        elif effect := op.tags.get(EFFECTS):
            yield Fault(f"/ops/{name}", f"the op {name!r} {effect}, and would do so again")
    if base is None:
        yield Fault("/snapshots/read", "it read nothing of the lake and published nothing: there is nothing to compare")
        return
    looks: dict[str, Callable[[], Any]] = {
        "read": lambda: lake.state(connection, base),
        "published": lambda: reproduction.published(connection, old["id"]),
    }
    for what, look in looks.items():
        try:
            look()
        except NotFound as error:
            yield Fault(f"/snapshots/{what}", error.detail)
