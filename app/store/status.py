"""The statuses of runs and steps, why something did not succeed, and what is final."""

from enum import StrEnum


class RunStatus(StrEnum):
    """A run waits as `queued` (also for a retry, with a future `due_at`); being asked to stop is a mark, not a status."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to the run."""
        return self in FINAL_RUN


class StepStatus(StrEnum):
    """A step is `pending` again while it waits for its next attempt."""

    pending = "pending"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    skipped = "skipped"
    cancelled = "cancelled"


class Reason(StrEnum):
    """Why a run or a step did not succeed."""

    exception = "exception"
    timeout = "timeout"
    oom = "oom"
    signal = "signal"
    exit = "exit"
    interrupted = "interrupted"
    lease_lost = "lease_lost"
    crash_loop = "crash_loop"
    quality_gate = "quality_gate"
    upstream_failed = "upstream_failed"
    missing_input = "missing_input"
    unknown_op = "unknown_op"
    source_mismatch = "source_mismatch"
    disk_full = "disk_full"
    not_published = "not_published"
    cancelled = "cancelled"


FINAL_RUN = frozenset({RunStatus.succeeded, RunStatus.failed, RunStatus.cancelled})
FINAL_STEP = frozenset({StepStatus.succeeded, StepStatus.failed, StepStatus.skipped, StepStatus.cancelled})

INTERRUPTIONS = frozenset({Reason.interrupted, Reason.lease_lost})
"""Why an attempt ended that did not fail: what was around it went."""

CRASH_LIMIT = 3
"""The lost child at which a run fails with `crash_loop`."""

PRIORITY_SECONDS = 36
"""What one point of priority is worth in waiting time: a run of priority 100 passes what came up to an hour before."""
