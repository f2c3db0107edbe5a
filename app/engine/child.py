"""The worker's handle of one run process."""

import contextlib
import math
import os
import select
import signal
import socket
import threading
import time
from typing import Any, NamedTuple, Self

from app.definitions.framing import STATUS
from app.definitions.messages import Event
from app.engine.exits import CLOSED, GARBLED, NEVER_FORKED, STUCK, TAKEN_ALONG, ExitFacts, exit_facts
from app.engine.footprint import proportional_bytes
from app.engine.forkserver import ForkServer
from app.engine.pipes import Pipes, read

# An op that keeps the interpreter's lock keeps its process from ringing; what that told before is then found by looking.
_LOOK_SECONDS = 1.0
_KILL_SECONDS = 5
_END_SECONDS = 1
_EXIT_SECONDS = 1


class ChildLost(Exception):
    """The run process is gone."""


class Received(NamedTuple):
    """What a run process has told since the last look. With `exit` nothing more will come."""

    events: list[Event]
    output: list[str]
    exit: ExitFacts | None
    woken: bool


class Child:
    """One run process. `receive` belongs to one thread; all else may be called from any."""

    def __init__(self, stream: socket.socket, bell: int, output: int, status: int) -> None:
        self.pid = 0
        self.runs = 0
        self.clean = True
        """Whether no run left a thread or a process behind in it."""
        self.exit: ExitFacts | None = None
        self._pipes = Pipes(stream, bell, output)
        self._status = status
        self._lock = threading.Lock()
        self._said: list[str] = []
        self._killed = False
        self._closed = False
        self._hears = True
        self._poll = select.poll()
        os.set_blocking(status, False)
        for descriptor in (bell, output, status):
            self._poll.register(descriptor, select.POLLIN)

    @classmethod
    def start(cls, forkserver: ForkServer, timeout: float) -> Self:
        """A fresh run process, ready. Raises Unavailable while op modules are imported, ChildLost when it ended at once."""
        deadline = time.monotonic() + timeout
        while True:
            child = cls(*forkserver.fork(max(deadline - time.monotonic(), 0)))
            if child._is_ready(deadline):
                return child
            lost = child.kill()
            child.close()
            # A forkserver that ended at this moment is started again.
            if lost not in (TAKEN_ALONG, NEVER_FORKED) or time.monotonic() >= deadline:
                raise ChildLost("\n".join([f"a fresh run process did not become ready: {lost.sentence}", *child._said]))

    def _is_ready(self, deadline: float) -> bool:
        while True:
            received = self.receive(max(deadline - time.monotonic(), 0))
            self._said += received.output
            if any(event["type"] == "ready" for event in received.events):
                return True
            if received.exit is not None or time.monotonic() >= deadline:
                return False

    def send(self, message: Any) -> None:
        """Send a message, without waiting for a process that does not listen. Raises ChildLost when it is gone."""
        with self._lock:
            if self._closed or self.exit is not None:
                raise ChildLost("the run process is gone")
            self._pipes.add(message)
            try:
                self._pipes.push()
            except OSError as error:
                raise ChildLost("the run process is gone") from error

    def receive(self, timeout: float | None, wake: int | None = None) -> Received:
        """What has come, as soon as something has: events, output, its end, or the descriptor `wake` turned readable.

        Its end is its exit status: a process that it started and that holds its pipes does not delay it. `wake` is not read.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0)
            ready = self._wait(min(left, _LOOK_SECONDS), wake)
            received = self._take(ready, woken=wake in ready)
            if any(received) or left == 0:
                return received

    def terminate(self) -> None:
        """SIGTERM to the process and all that it started."""
        self._signal(signal.SIGTERM)

    def kill(self) -> ExitFacts:
        """SIGKILL to the process and all that it started, and wait until it is reaped; `receive` still gives what it told."""
        self._killed = True
        self._signal(signal.SIGKILL)
        deadline = time.monotonic() + _KILL_SECONDS
        status = select.poll()
        status.register(self._status, select.POLLIN)
        while self.exit is None:
            with self._lock:
                # Whoever closes it, or hears of its end first, has seen to the rest.
                if self._closed:
                    return STUCK
                if not self.pid:
                    self.exit = NEVER_FORKED
                elif status.poll(20):
                    self._read_status()
                elif time.monotonic() > deadline:
                    self.exit = STUCK
        return self.exit

    def end(self) -> None:
        """Let an idle process end by itself, kill it if it does not, and close it."""
        with contextlib.suppress(ChildLost):
            self.send({"type": "end"})
            deadline = time.monotonic() + _END_SECONDS
            while self.receive(max(deadline - time.monotonic(), 0)).exit is None and time.monotonic() < deadline:
                pass
        self.close()

    def close(self) -> None:
        """Kill the process if it lives, and let go of it."""
        if self.exit is None:
            self.kill()
        with self._lock:
            if not self._closed:
                self._closed = True
                self._pipes.close()
                os.close(self._status)

    def memory(self, limit: int = 0) -> int:
        """Bytes that the process and all that it started hold: private ones, and their share of shared ones.

        Up to `limit` it may be less exact, and then more.
        """
        return proportional_bytes(self.pid, limit)

    def _wait(self, seconds: float, wake: int | None) -> set[int]:
        if self.exit is not None:
            return {self._status}
        # Not for what is to be read: the bell is rung for that. A hang-up is always told.
        self._poll.register(self._pipes.stream, select.POLLOUT if self._pipes.has_outgoing else 0)
        if wake is not None:
            self._poll.register(wake, select.POLLIN)
        try:
            return {descriptor for descriptor, _ in self._poll.poll(seconds * 1000)}
        finally:
            if wake is not None:
                self._poll.unregister(wake)

    def _take(self, ready: set[int], *, woken: bool) -> Received:
        stream = self._pipes.stream.fileno()
        with self._lock:
            if self._status in ready:
                self._read_status()
            if self._pipes.has_outgoing and stream in ready and self.exit is None:
                with contextlib.suppress(OSError):
                    self._pipes.push()
            exit_facts = self.exit
        gone = exit_facts is not None
        # Events first: what was printed before an event was told is then among the output that goes with it.
        events = self._events() if gone or not ready or ready & {self._pipes.bell, stream} else []
        output = self._output() if gone or events or self._pipes.output in ready else []
        return Received(events, output + self._pipes.last_line() if gone else output, exit_facts, woken)

    def _events(self) -> list[Event]:
        events = self._pipes.events()
        if self.exit is None and self._pipes.damaged:
            self._end_for(GARBLED)
        elif self.exit is None and events is None and not self._ends_by_itself():
            # It closed its stream and lives: nobody would hear of it again.
            self._end_for(CLOSED)
        self.clean = self.clean and all(event["type"] != "run_ended" or event["clean"] for event in events or [])
        return events or []

    def _ends_by_itself(self) -> bool:
        """Whether the stream's end was the process's end, of which the forkserver tells a moment later."""
        status = select.poll()
        status.register(self._status, select.POLLIN)
        if status.poll(_EXIT_SECONDS * 1000):
            with self._lock:
                self._read_status()
        return self.exit is not None

    def _end_for(self, facts: ExitFacts) -> None:
        self.kill()
        self.exit = facts

    def _output(self) -> list[str]:
        lines = self._pipes.lines()
        if lines is None and self._hears:
            # Its process closed it and lives: nothing will come, and a wait would end at once for ever.
            self._hears = False
            self._poll.unregister(self._pipes.output)
        return lines or []

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self.exit is not None or self._closed:
                return
            if self.pid:
                # Its id is its own as long as nobody heard of its end: the forkserver reaps it last.
                _signal_group(self.pid, number)
            else:
                # Asked for and not heard of yet: it ends by itself when it finds nobody there.
                self._pipes.stream.shutdown(socket.SHUT_RDWR)

    def _read_status(self) -> None:
        data = read(self._status)
        if data is None or self.exit is not None:
            return
        numbers = [number for (number,) in STATUS.iter_unpack(data)]
        if numbers and not self.pid:
            self.pid = numbers.pop(0)
        if numbers:
            self.exit = exit_facts(numbers[0], killed=self._killed)
        elif not data:
            if self.pid:
                _signal_group(self.pid, signal.SIGKILL)
            self.exit = TAKEN_ALONG


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
