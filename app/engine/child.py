"""The worker's handle of one run process."""

import contextlib
import itertools
import math
import os
import select
import signal
import socket
import threading
import time
from typing import Any, NamedTuple, Self

import psutil

from app.definitions.framing import STATUS, Unframer, frame
from app.definitions.messages import Event, decode, encode
from app.engine.forkserver import ForkServer
from app.engine.output import Lines

_CHUNK = 256 * 1024
_CHUNKS = 8
"""How much of a stream is read at most in one go, so that a flood does not keep its reader from all else."""

# An op that keeps the interpreter's lock keeps its process from ringing; what that told before is then found by looking.
_LOOK_SECONDS = 1.0
_KILL_SECONDS = 5
_END_SECONDS = 1


class ChildLost(Exception):
    """The run process is gone."""


class ExitFacts(NamedTuple):
    """How a run process ended: by an exit code, or by a signal."""

    code: int | None
    signal: int | None
    sentence: str


_TAKEN_ALONG = ExitFacts(None, signal.SIGKILL, "its forkserver ended and took it along")


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
        self._stream = stream
        self._bell = bell
        self._output = output
        self._status = status
        self._poll = select.poll()
        self._lock = threading.Lock()
        self._outgoing = bytearray()
        self._unframer = Unframer()
        self._before_binary: Any = None
        self._lines = Lines()
        self._said: list[str] = []
        self._killed = False
        self._closed = False
        for descriptor in (stream.fileno(), output, status):
            os.set_blocking(descriptor, False)
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
            if (child.pid and lost != _TAKEN_ALONG) or time.monotonic() >= deadline:
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
            self._outgoing += frame(encode(message))
            try:
                self._push()
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
        if not self.pid and self.exit is None:
            self.exit = ExitFacts(None, signal.SIGKILL, "it was ended before it was forked")
        deadline = time.monotonic() + _KILL_SECONDS
        status = select.poll()
        status.register(self._status, select.POLLIN)
        while self.exit is None:
            with self._lock:
                if self._closed:
                    break
                if status.poll(20):
                    self._read_status()
                elif time.monotonic() > deadline:
                    self.exit = ExitFacts(None, signal.SIGKILL, "it did not end on SIGKILL: the kernel holds it")
        return self.exit or ExitFacts(None, signal.SIGKILL, "it was ended")

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
                self._stream.close()
                for descriptor in (self._bell, self._output, self._status):
                    os.close(descriptor)

    def memory(self) -> int:
        """Bytes that the process and all that it started hold: private ones, and their share of shared ones (PSS)."""
        return sum(_proportional_bytes(pid) for pid in _members(self.pid))

    def _wait(self, seconds: float, wake: int | None) -> set[int]:
        if self.exit is not None:
            return {self._status}
        # Not for what is to be read: the bell is rung for that. A hang-up is always told.
        self._poll.register(self._stream, select.POLLOUT if self._outgoing else 0)
        if wake is not None:
            self._poll.register(wake, select.POLLIN)
        try:
            return {descriptor for descriptor, _ in self._poll.poll(seconds * 1000)}
        finally:
            if wake is not None:
                self._poll.unregister(wake)

    def _take(self, ready: set[int], *, woken: bool) -> Received:
        stream = self._stream.fileno()
        with self._lock:
            if self._status in ready:
                self._read_status()
            if self._outgoing and stream in ready and self.exit is None:
                with contextlib.suppress(OSError):
                    self._push()
            exit_facts = self.exit
        gone = exit_facts is not None
        # Events first: what was printed before an event was told is then among the output that goes with it.
        events = self._read_events(everything=gone) if gone or not ready or ready & {self._bell, stream} else []
        output = self._read_output(everything=gone) if gone or events or self._output in ready else []
        return Received(events, output, exit_facts, woken)

    def _push(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._outgoing:
                del self._outgoing[: self._stream.send(self._outgoing)]

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            # Its id is its own as long as nobody heard of its end: the forkserver reaps it last.
            if self.exit is None and self.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, number)
            elif self.exit is None and not self._closed:
                # Asked for and not heard of yet: it ends by itself when it finds nobody there.
                self._stream.shutdown(socket.SHUT_RDWR)

    def _read_status(self) -> None:
        data = _read(self._status)
        if data is None or self.exit is not None:
            return
        numbers = [number for (number,) in STATUS.iter_unpack(data)]
        if numbers and not self.pid:
            self.pid = numbers.pop(0)
        if numbers:
            self.exit = _facts(numbers[0], killed=self._killed)
        elif not data:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self.pid:
                    os.killpg(self.pid, signal.SIGKILL)
            self.exit = _TAKEN_ALONG

    def _read_events(self, *, everything: bool) -> list[Event]:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        data = _read(self._stream.fileno())
        if data == b"" and not everything:
            # It closed its stream and lives: nobody will hear of it again.
            self.kill()
        events: list[Any] = []
        for payload, binary in self._unframer.feed(data or b""):
            if binary:
                self._before_binary["data"] = payload
                events.append(self._before_binary)
                continue
            events += decode(payload)
            if events and events[-1].get("arrow"):
                self._before_binary = events.pop()
        self.clean = self.clean and all(event.get("clean", True) for event in events)
        return events

    def _read_output(self, *, everything: bool) -> list[str]:
        data = _read(self._output, None if everything else _CHUNKS)
        if data == b"" and not everything:
            self._poll.unregister(self._output)
        lines = self._lines.feed(data or b"")
        return lines + self._lines.finish() if everything else lines


def _read(descriptor: int, chunks: int | None = None) -> bytes | None:
    """What is there, up to so many chunks; empty at the end of the stream, None when there is nothing yet."""
    data = bytearray()
    for _ in itertools.count() if chunks is None else range(chunks):
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            break
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            return bytes(data)
        data += chunk
    return bytes(data) or None


def _facts(code: int, *, killed: bool) -> ExitFacts:
    if code >= 0:
        return ExitFacts(code, None, f"it ended with exit code {code}")
    name = signal.Signals(-code).name
    kernel = ", as the kernel does when memory runs out" if code == -signal.SIGKILL and not killed else ""
    return ExitFacts(None, -code, f"it was ended by {name}{kernel}")


def _members(group: int) -> set[int]:
    members = set()
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                members.add(pid)
    with contextlib.suppress(psutil.Error):
        members.update(process.pid for process in psutil.Process(group).children(recursive=True))
    return members


def _proportional_bytes(pid: int) -> int:
    try:
        facts = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(facts, "pss", facts.uss))
