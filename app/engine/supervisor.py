"""One claimed run: hands it to a run process, writes down what that reports, and sees to its end."""

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from app import clock
from app.definitions.messages import Event
from app.engine import leftovers
from app.engine.answers import Answers
from app.engine.bell import Bell
from app.engine.children import Child, ChildLost, ChildPool, ExitFacts, Received
from app.engine.limits import Limits, Stop
from app.engine.logs import RunLog
from app.engine.plan import Plan
from app.errors import LeaseLost, Unavailable
from app.store import endings, logs, steps
from app.store.changes import cancel_topic, log_topic
from app.store.database import Connection, Database
from app.store.status import Reason, RunStatus

T = TypeVar("T")
_AGAIN_SECONDS = 5
_WRITE_AGAIN_SECONDS = 0.5
_LOOK_SECONDS = 1.0
"""How often an undisturbed run is looked at: its memory, and a cancel that another process asked for."""

_log = structlog.get_logger("openbell.supervisor")


class Supervisor:
    """Executes one attempt of a run. It alone writes to the database for it, always under the fence."""

    def __init__(
        self,
        database: Database,
        children: ChildPool,
        plan: Plan,
        log: RunLog,
        grace_seconds: float,
        following: Callable[["Supervisor", Connection], Plan | None],
        maintain: Callable[[str], dict[str, Any]],
    ) -> None:
        self._database = database
        self._children = children
        self._plan = plan
        self._log = log
        self._limits = Limits(plan, grace_seconds)
        self._following = following
        self._next: Plan | None = None
        self._fenced = threading.Event()
        self._answers = Answers(database, plan.fence, self._write, maintain)
        self._events: list[Any] = []
        self._child: Child | None = None
        self._ended = False
        self._bell = Bell()
        self._handing_back = False
        self._log_known = False
        self._again = False
        self._looked = time.monotonic()
        self.fence = plan.fence
        """Which attempt this is."""

    def wake(self) -> None:
        """Look at once whether the run is to stop."""
        self._bell.ring()

    def hand_back(self) -> None:
        """The worker stops: end the process, give the run back to the queue."""
        self._handing_back = True
        self.wake()

    def kill(self) -> None:
        """End the process at once, from any thread, without a word to the database: the lease is gone."""
        self._fenced.set()
        if self._child is not None:
            self._child.kill()

    def run(self) -> Plan | None:
        """Execute the attempt to its end; answers what `following` claimed in the transaction of that end.

        Raises nothing: what it cannot write, the next attempt finds out.
        """
        fence = self._plan.fence
        try:
            with self._database.changes.listening(cancel_topic(fence.run_id), self.wake):
                self._execute()
        except LeaseLost:
            _log.warning("lease lost; the attempt's output is dropped", run=fence.run_id, attempt=fence.attempt)
        finally:
            if self._child is not None:
                self._children.discard(self._child)
            self._bell.close()
            self._log.close()
        return self._next

    def _execute(self) -> None:
        if self._handing_back:
            self._finish(lambda connection: endings.hand_back(connection, self.fence))
            return
        if self._plan.opening is not None:
            self._log.say("info", self._plan.opening)
        try:
            self._child = child = self._children.take()
        except (ChildLost, Unavailable) as error:
            self._no_process(str(error))
            return
        if self._fenced.is_set():
            raise LeaseLost
        try:
            child.send({"type": "run", "run": self._plan.spec})
            while not self._ended:
                received = child.receive(self._wait(), self._bell.fileno())
                self._hear(received)
                if received.exit is not None and not self._ended:
                    self._lost(received.exit)
                elif not self._ended:
                    self._check(woken=received.woken)
        except ChildLost:
            # Between the last look and a message to it: what it sent before, and its exit status, are still to be read.
            self._lost(self._drain(child))

    def _no_process(self, sentence: str) -> None:
        """No run process could be had: the run waits a little, at nobody's cost."""
        self._log.say("warning", f"No process for the run: {sentence}")
        due = clock.now() + timedelta(seconds=_AGAIN_SECONDS)
        why = f"No process could be had for it: {sentence}"
        self._finish(lambda connection: endings.hand_back(connection, self.fence, due, why))

    def _wait(self) -> float:
        return min(_LOOK_SECONDS, self._limits.seconds_left(time.monotonic()))

    def _drain(self, child: Child) -> ExitFacts:
        while True:
            received = child.receive(None)
            self._hear(received)
            if received.exit is not None:
                return received.exit

    def _hear(self, received: Received) -> None:
        """Write down everything of one message: log lines to the file, step events in one transaction."""
        self._log.output(received.output)
        self._log.append([line for event in received.events if (line := _logged(event)) is not None])
        if not self._log_known and (facts := self._log.facts) is not None:
            self._log_known = True
            self._write(lambda connection: logs.save(connection, self.fence.run_id, self.fence.attempt, facts))
        for event in received.events:
            self._one(event)
        if self._events:
            self._record()
        if received.output or received.events:
            self._database.changes.notify((log_topic(self._plan.fence.run_id),))

    def _one(self, event: Event) -> None:
        if event["type"] in ("step_began", "step_succeeded", "step_failed", "step_skipped"):
            self._limits.note(event)
            self._events.append(event)
        elif event["type"] == "ask":
            assert self._child is not None
            answer = self._answers.answer(event, self._take_events())
            # A child that is gone meanwhile needs no answer; its end is heard of by the next look.
            with contextlib.suppress(ChildLost):
                self._child.send(answer)
        elif event["type"] == "run_ended":
            self._settle()
            self._give_back(event["memory_bytes"])

    def _take_events(self) -> list[Any]:
        events, self._events = self._events, []
        return events

    def _record(self) -> None:
        events = self._take_events()
        self._write(lambda connection: steps.record(connection, self._plan.fence, events, again=self._again))

    def _write(self, work: Callable[[Connection], T]) -> T:
        """A fenced write; once the lease is gone nothing is written, even if the database would still let us."""
        while not self._fenced.is_set():
            try:
                answer = self._database.write(work)
            except Unavailable as error:
                # It may have been written all the same: the answer to a commit can be lost.
                self._again = True
                # What the run did is not thrown away for a moment's outage: the lease watchdog says when it is too late.
                _log.warning("writing again soon", run=self.fence.run_id, error=str(error))
                self._fenced.wait(_WRITE_AGAIN_SECONDS)
            else:
                self._again = False
                return answer
        raise LeaseLost

    def _settle(self) -> None:
        fence, events = self._plan.fence, self._take_events()

        def work(connection: Connection) -> RunStatus:
            run = steps.record(connection, fence, events, again=self._again) if events else None
            return endings.settle(connection, fence, guarded=run)

        self._finish(work)

    def _finish(self, work: Callable[[Connection], RunStatus]) -> None:
        fence, facts = self._plan.fence, self._log.facts

        def finish(connection: Connection) -> tuple[RunStatus, Plan | None]:
            if facts is not None:
                logs.save(connection, fence.run_id, fence.attempt, facts)
            return work(connection), self._following(self, connection)

        status, self._next = self._write(finish)
        self._ended = True
        self._database.changes.notify((log_topic(self._plan.fence.run_id),))
        say = _log.warning if status is RunStatus.failed else _log.info
        say("run attempt ended", job=self._plan.spec["job"], run=fence.run_id, attempt=fence.attempt, status=status.value)

    def _give_back(self, memory_bytes: int) -> None:
        child, self._child = self._child, None
        if child is not None:
            self._children.give_back(child, memory_bytes)

    def _check(self, *, woken: bool) -> None:
        """Look at the run's limits and whether somebody asked it to stop; carry out what follows."""
        assert self._child is not None
        if woken:
            self._bell.quiet()
        if self._handing_back:
            self._child.kill()
            self._drain(self._child)
            leftovers.end_attempts([self.fence])
            self._finish(lambda connection: endings.hand_back(connection, self._plan.fence))
            return
        now = time.monotonic()
        if look := woken or now - self._looked >= _LOOK_SECONDS:
            self._looked = now
        stop = self._limits.due(self._child, self._answers.cancel_requested if look else None)
        if stop is not None:
            self._stop(self._child, stop)

    def _stop(self, child: Child, stop: Stop) -> None:
        """One step of ending the process: ask, then SIGTERM, then SIGKILL and say why."""
        self._log.say("warning", stop.sentence)
        if stop.how == "ask":
            child.send({"type": "cancel"})
        elif stop.how == "terminate":
            child.terminate()
        else:
            child.kill()
            self._lost(self._drain(child))

    def _lost(self, exit_facts: ExitFacts) -> None:
        """The process is gone: because we ended it, or unasked."""
        if self._ended:
            return
        # What got away from its group must not live when the next attempt begins.
        leftovers.end_attempts([self.fence])
        self._limits.forget_ended()
        fence, stopped = self._plan.fence, self._limits.stopped
        if stopped is None:
            self._log.say("error", f"The run's process was lost: {exit_facts.sentence}.")

        def work(connection: Connection) -> RunStatus:
            if stopped is not None:
                stopped.record(connection, self._plan)
                return endings.settle(connection, fence, (stopped.reason, stopped.sentence) if stopped.for_good else None)
            reason = Reason.signal if exit_facts.signal else Reason.exit
            error = {"type": reason.value, "message": f"The run's process was lost: {exit_facts.sentence}."}
            return endings.lose(connection, fence, reason, error)

        if self._events:
            self._record()
        self._finish(work)


def _logged(event: Any) -> dict[str, Any] | None:
    """The line that an event leaves in the run's log: what the op said, and why a step failed or was left out."""
    if event["type"] == "log":
        return {key: value for key, value in event.items() if key != "type"}
    if event["type"] == "step_failed":
        error = event["error"]
        if event["reason"] == Reason.cancelled:
            return _line(event, "warning", f"step cancelled: {error['message']}", {"reason": event["reason"]})
        fields = {"reason": event["reason"], "traceback": error["traceback"]}
        if event["retry_at"]:
            fields["retry_at"] = event["retry_at"]
        return _line(event, "error", f"step failed: {error['type']}: {error['message']}", fields)
    if event["type"] == "step_skipped":
        return _line(event, "info", f"step skipped: {event['detail']}", {"reason": event["reason"]})
    return None


def _line(event: Any, level: str, message: str, fields: dict[str, Any]) -> dict[str, Any]:
    told = {"at": event["at"], "level": level, "node": event["node"], "attempt": event.get("attempt")}
    return {**told, "message": message, "fields": fields}
