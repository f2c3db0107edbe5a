"""A run's limits: its time, its steps' times, its memory, and a wish that it stop; and how its process is then ended."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from app import clock
from app.definitions.messages import StepFailed
from app.engine.children import Child
from app.engine.plan import Plan
from app.store import claims, interruptions, steps
from app.store.database import Connection
from app.store.status import Reason

How = Literal["ask", "terminate", "kill"]
MEMORY_SECONDS = 0.2
"""How often a run with a memory limit is weighed: what allocates without end takes a gigabyte in less than a second."""


@dataclass(frozen=True)
class Stop:
    """The next step of ending a run's process, and why."""

    how: How
    sentence: str


@dataclass
class Stopped:
    """Why we ended the process, and which steps that is to be written of; the others beside them begin again."""

    reason: Reason
    sentence: str
    nodes: list[str] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=dict)
    for_good: bool = False
    """The whole run's limit: no step's retry is due."""
    peak_bytes: int | None = None

    def record(self, connection: Connection, plan: Plan) -> None:
        """Fail the steps that were over their limit; interrupt what ran beside them."""
        if failed := [self._failed(plan, node) for node in self.nodes]:
            steps.record(connection, plan.fence, failed)
        beside = interruptions.error(Reason.interrupted, f"The run's process was ended while it ran: {self.sentence}")
        claims.interrupt(connection, plan.fence, Reason.interrupted, beside)

    def _failed(self, plan: Plan, node: str) -> StepFailed:
        policy, failures = plan.retries.get(node), plan.failures[node] + 1
        retry = policy is not None and not self.for_good and policy.allows(failures)
        due = clock.now() + policy.delay_before(failures) if policy and retry else None
        error: Any = {"type": self.reason.value, "message": self.sentence, "traceback": "", "classes": [self.reason.value]}
        return {
            "type": "step_failed",
            "node": node,
            "attempt": self.attempts[node],
            "at": clock.iso(clock.now()),
            "reason": "oom" if self.reason is Reason.oom else "timeout",
            "error": error,
            "metrics": {} if self.peak_bytes is None else {"memory_usage": self.peak_bytes},
            "retry_at": clock.iso(due) if due else None,
        }


class Limits:
    """Watches one attempt by the monotonic clock."""

    def __init__(self, plan: Plan, grace_seconds: float) -> None:
        self._plan = plan
        self._grace = grace_seconds
        self._began = time.monotonic()
        self._running: dict[str, tuple[float, int]] = {}
        self._terminate_at: float | None = None
        self._kill_at: float | None = None
        self._weigh_at = math.inf if plan.memory_limit_bytes is None else 0.0
        self.stopped: Stopped | None = None

    def note(self, event: Any) -> None:
        """A step began or ended; one whose try failed counts it."""
        node = event["node"]
        if event["type"] == "step_began":
            self._running[node] = (time.monotonic(), event["attempt"])
            return
        self._running.pop(node, None)
        if event["type"] == "step_failed":
            self._plan.failures[node] += 1

    def seconds_left(self, now: float) -> float:
        """The time until something is to be done."""
        if self.stopped is not None:
            instants = [at for at in (self._terminate_at, self._kill_at) if at is not None]
        else:
            instants = [begun + self._plan.step_timeouts[node] for node, begun in self._begun_with_limit()]
            instants.append(self._weigh_at)
            if self._plan.timeout_seconds is not None:
                instants.append(self._began + self._plan.timeout_seconds)
        return max(0.0, min(instants, default=now + 3600) - now)

    def _begun_with_limit(self) -> list[tuple[str, float]]:
        return [(node, begun) for node, (begun, _) in self._running.items() if node in self._plan.step_timeouts]

    def due(self, child: Child, cancel_requested: Callable[[], bool] | None) -> Stop | None:
        """What is to be done with the process now, if anything. Without `cancel_requested` only its limits are looked at."""
        now = time.monotonic()
        if self.stopped is not None:
            return self._next(now, self.stopped)
        if (fat := self._fat(child, now)) is not None:
            # No grace: in that time it could take all the memory there is.
            self.stopped = fat
            return Stop("kill", f"{fat.sentence} SIGKILL to the process.")
        if (late := self._late(now)) is not None:
            self.stopped, self._kill_at = late, now + self._grace
            return Stop("terminate", f"{late.sentence} SIGTERM to the process.")
        if cancel_requested is not None and cancel_requested():
            self.stopped = Stopped(Reason.cancelled, "The run was asked to stop.")
            self._terminate_at, self._kill_at = now + self._grace / 2, now + self._grace
            return Stop("ask", self.stopped.sentence)
        return None

    def _next(self, now: float, stopped: Stopped) -> Stop | None:
        """The next step of a stop that has begun: it goes from asking to SIGTERM to SIGKILL within the grace."""
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            return Stop("kill", "The process did not end: SIGKILL.")
        if self._terminate_at is not None and now >= self._terminate_at:
            self._terminate_at = None
            return Stop("terminate", f"{stopped.sentence} SIGTERM to the process.")
        return None

    def forget_ended(self) -> None:
        """The process is gone: of the steps that were over a limit, those that ended in time after all have ended."""
        if self.stopped is not None:
            self.stopped.nodes = [
                node for node in self.stopped.nodes if self._running.get(node, (0.0, 0))[1] == self.stopped.attempts[node]
            ]

    def _late(self, now: float) -> Stopped | None:
        late = [node for node, begun in self._begun_with_limit() if now >= begun + self._plan.step_timeouts[node]]
        if late:
            names = ", ".join(late)
            seconds = self._plan.step_timeouts[late[0]]
            return self._stopped(Reason.timeout, f"{names} took longer than {seconds:g} s.", late)
        limit = self._plan.timeout_seconds
        if limit is not None and now >= self._began + limit:
            stopped = self._stopped(Reason.timeout, f"The run took longer than {limit:g} s.", list(self._running))
            stopped.for_good = True
            return stopped
        return None

    def _fat(self, child: Child, now: float) -> Stopped | None:
        most = self._plan.memory_limit_bytes
        if most is None or now < self._weigh_at:
            return None
        self._weigh_at = now + MEMORY_SECONDS
        if (used := child.memory(most)) <= most:
            return None
        sentence = f"The run's processes held {used / 2**20:.0f} MiB; its limit is {most / 2**20:.0f} MiB."
        stopped = self._stopped(Reason.oom, sentence, list(self._running))
        stopped.peak_bytes = used
        # Between two steps it is none of theirs, and no step's retry would help.
        stopped.for_good = not stopped.nodes
        return stopped

    def _stopped(self, reason: Reason, sentence: str, nodes: list[str]) -> Stopped:
        return Stopped(reason, sentence, nodes, {node: self._running[node][1] for node in nodes})
