"""What connects a worker with a run process: a stream of messages, a bell for it, and what the process prints."""

import contextlib
import os
import socket
from typing import Any

from app.definitions.framing import Unframer, frame
from app.definitions.messages import Event, decode, encode, events_in
from app.engine.lines import Lines

_CHUNK = 256 * 1024
_CHUNKS = 16
"""How much is read at most in one go: more than the kernel holds, and an end to a flood that goes on."""


class Pipes:
    """The worker's ends. Nothing here waits. A stream is `damaged` once: what came before that is still told."""

    def __init__(self, stream: socket.socket, bell: int, output: int) -> None:
        self.stream = stream
        self.bell = bell
        self.output = output
        self._outgoing = bytearray()
        self._unframer = Unframer()
        self._before_binary: Any = None
        self.damaged = False
        """Whether something came over the stream that is no message: an op found the descriptor and wrote into it."""
        self._lines = Lines()
        for descriptor in (stream.fileno(), output):
            os.set_blocking(descriptor, False)

    @property
    def has_outgoing(self) -> bool:
        """Whether there is something to send that the kernel did not take yet."""
        return bool(self._outgoing)

    def add(self, message: Any) -> None:
        """Put a message behind what is to be sent."""
        self._outgoing += frame(encode(message))

    def push(self) -> None:
        """Send what the kernel takes. Raises OSError when nobody is there."""
        with contextlib.suppress(BlockingIOError):
            while self._outgoing:
                del self._outgoing[: self.stream.send(self._outgoing)]

    def events(self) -> list[Event] | None:
        """The events that have come; None at the end of the stream. A binary message becomes `data` of the event before it."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.bell)
        data = read(self.stream.fileno())
        if data == b"":
            return None
        events: list[Any] = []
        if self.damaged:
            return events
        try:
            for payload, binary in self._unframer.feed(data or b""):
                events += self._told(payload, binary)
        except ValueError:
            self.damaged = True
        return events

    def _told(self, payload: bytes, binary: bool) -> list[Any]:
        if binary:
            if self._before_binary is None:
                raise ValueError("a binary message belongs to the event before it")
            before, self._before_binary = self._before_binary, None
            return [{**before, "data": payload}]
        events = events_in(decode(payload))
        if events and events[-1].get("arrow"):
            self._before_binary = events.pop()
        return events

    def lines(self) -> list[str] | None:
        """The lines that were printed; None at the end, when nobody holds the other end any more."""
        data = read(self.output)
        return None if data == b"" else self._lines.feed(data or b"")

    def last_line(self) -> list[str]:
        """What was printed last and not ended by a line feed."""
        return self._lines.finish()

    def close(self) -> None:
        """Let go of all of it."""
        self.stream.close()
        os.close(self.bell)
        os.close(self.output)


def read(descriptor: int) -> bytes | None:
    """What is there; empty at the end, None when there is nothing yet."""
    data = bytearray()
    for _ in range(_CHUNKS):
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
