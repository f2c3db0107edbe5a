"""What CAN run: ops, pipelines, jobs, schedules, triggers, calendars. Pure Python: no I/O, no SQL.

The public face for authors of ops; everything else in this package is imported by its module.

    op, retry, kinds, dataset, context, lake     what an op is, and what it may ask of its run
    registry, catalogue                          what op modules registered in a process; the same as data
    pipeline, job, schedule, trigger, pool       one document each: its shape, its meaning, its canonical form
    faults, plain, shape, params, placeholders,
    schemas, validation, graph, moment, names    what those parsers are made of
    calendar                                     questions about sessions, up to a horizon
    face, compose, declare, firing               the same documents written in Python
    messages, framing                            what a worker and its run process say to each other
"""

from app.definitions.context import Cancelled, OpContext
from app.definitions.dataset import Dataset
from app.definitions.op import op, query
from app.definitions.retry import RetryPolicy

# Not lazily: these two have the names of modules here, and the module would win if it were imported first.
from app.definitions.face import JobDefinition, job  # isort: skip
from app.definitions.firing import RunRequest, RunStatus, run_status_sensor, schedule, sensor  # isort: skip

DagsterRunStatus = RunStatus
"""As the guide spells it."""

__all__ = [
    "Cancelled",
    "DagsterRunStatus",
    "Dataset",
    "JobDefinition",
    "OpContext",
    "RetryPolicy",
    "RunRequest",
    "RunStatus",
    "job",
    "op",
    "query",
    "run_status_sensor",
    "schedule",
    "sensor",
]
