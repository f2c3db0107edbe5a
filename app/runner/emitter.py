"""What a run process tells its worker: ordered events, a bell for it to look at them, and questions with their answers.

An event is in the kernel's hands as soon as it is told, so a process that dies takes none along. The worker is woken for
many of them together: at once when this process has nothing else to do, else within two milliseconds. A wake-up for each
would double the cost of a small run.
"""

import itertools
import os
import select
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from app import clock
from app.definitions.framing import frame
from app.definitions.messages import LogLine, encode
from app.errors import Unavailable
from app.runner.leftovers import OURS
from app.runner.orphans import worker_or_nothing

BELL_SECONDS = 0.002
PATIENCE_SECONDS = 0.1
"""How long a log line waits for a worker that does not read, before lines are cut."""


class Emitter:
    """The child's sending half; every thread of the child may use it."""

    def __init__(self, stream: socket.socket, bell: int) -> None:
        self._stream = stream
        self._bell = bell
        self._room = select.poll()
        self._room.register(stream, select.POLLOUT)
        self._lock = threading.Lock()
        self._silent = True
        self._told = threading.Event()
        self._cut = 0
        self._numbers = itertools.count(1)
        self._asked: dict[int, Future[Any]] = {}
        threading.Thread(target=self._ring_soon, name=f"{OURS}bell", daemon=True).start()

    def emit(self, event: Mapping[str, Any], *, payload: bytes | None = None) -> None:
        """Tell an event, after all that were told before it; `payload` follows as a binary message. Raises ValueError for NaN."""
        data = _message(event) + (b"" if payload is None else frame(payload, binary=True))
        with self._lock:
            self._mark_cut()
            self._send(data)

    def log(self, line: Mapping[str, Any]) -> None:
        """Tell a log line; while the worker does not keep up, lines are left out, and a line in their place counts them."""
        data = _message(line)
        with self._lock:
            if not self._has_room(0):
                self._ring()
                if not self._has_room(0 if self._cut else PATIENCE_SECONDS):
                    self._cut += 1
                    return
            self._mark_cut()
            self._send(data)

    def flush(self) -> None:
        """Have the worker look now."""
        with self._lock:
            self._ring()

    def ask(self, what: str, params: Mapping[str, Any]) -> Any:
        """The worker's answer to a question. Raises Unavailable with the worker's sentence when it refuses."""
        number = next(self._numbers)
        answer = self._asked[number] = Future()
        try:
            self.emit({"type": "ask", "id": number, "what": what, "params": params})
            self.flush()
            return answer.result()
        finally:
            del self._asked[number]

    def answered(self, reply: Mapping[str, Any]) -> None:
        """Hand a reply to whoever asked."""
        answer = self._asked.get(reply["id"])
        if answer is None:
            return
        if "error" in reply:
            answer.set_exception(Unavailable(reply["error"]))
        else:
            answer.set_result(reply.get("result"))

    def _has_room(self, seconds: float) -> bool:
        # The kernel says so while a quarter of its buffer is in use at most: a line then fits whole.
        return bool(self._room.poll(seconds * 1000))

    def _mark_cut(self) -> None:
        if self._cut:
            lines, self._cut = self._cut, 0
            self._send(_message(_cut_line(lines)))

    def _send(self, data: bytes) -> None:
        with worker_or_nothing():
            left = memoryview(data)
            while left := left[self._sent(left) :]:
                # More than the kernel holds: the worker must read before the rest can go.
                self._silent = False
                self._ring()
                self._room.poll()
        if self._silent:
            self._silent = False
            self._told.set()

    def _sent(self, data: memoryview) -> int:
        try:
            return self._stream.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def _ring(self) -> None:
        if not self._silent:
            self._silent = True
            with worker_or_nothing():
                os.eventfd_write(self._bell, 1)

    def _ring_soon(self) -> None:
        while self._told.wait():
            self._told.clear()
            time.sleep(BELL_SECONDS)
            self.flush()


def _message(event: Mapping[str, Any]) -> bytes:
    return frame(b"[" + encode(event) + b"]")


def _cut_line(lines: int) -> LogLine:
    return {
        "type": "log",
        "at": clock.iso(clock.now()),
        "level": "warning",
        "node": None,
        "attempt": None,
        "message": f"{lines} log lines were left out here: they came faster than they could be written",
        "fields": {"cut": lines},
    }
