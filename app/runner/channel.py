"""The child's receiving half: a thread that takes the worker's messages, and ends the child when the worker is gone."""

import queue
import socket
import threading
from typing import Any, NamedTuple

from app.definitions.framing import Unframer
from app.definitions.messages import decode
from app.runner.emitter import Emitter
from app.runner.leftovers import OURS
from app.runner.orphans import end_group, worker_or_nothing

_CHUNK = 256 * 1024


class Work(NamedTuple):
    """A message for the main thread, and the mark by which it is asked to stop."""

    message: dict[str, Any]
    cancelled: threading.Event


class Channel:
    """Replies and cancellation take effect at once, beside a busy main thread; all else waits in `inbox`, in order."""

    def __init__(self, stream: socket.socket, emitter: Emitter) -> None:
        self.inbox: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._stream = stream
        self._emitter = emitter
        self._cancelled = threading.Event()
        threading.Thread(target=self._read, name=f"{OURS}channel", daemon=True).start()

    def _read(self) -> None:
        # Nobody but the worker holds the other end: its end is the worker's end, and comes at once.
        try:
            with worker_or_nothing():
                unframer = Unframer()
                while data := self._stream.recv(_CHUNK):
                    for payload, _ in unframer.feed(data):
                        self._take(decode(payload))
        finally:
            end_group()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "reply":
            self._emitter.answered(message)
        elif message["type"] == "cancel":
            self._cancelled.set()
        else:
            # A mark of its own for every run: a cancel that follows closely is not lost to a late reset.
            self._cancelled = threading.Event()
            self.inbox.put(Work(message, self._cancelled))
