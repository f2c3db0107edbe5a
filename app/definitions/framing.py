"""What goes between a worker, its forkserver and its run processes, as bytes: messages in a stream, and exit codes."""

import struct
from collections.abc import Iterator

_HEADER = struct.Struct("<4sI?")
_BEGIN = b"\xf5Ob\n"
"""How every message begins: bytes that no text holds, so that what an op writes into a stream by mistake is seen at once."""
LIMIT = 256 * 2**20
"""Bytes that a message may have: a stream that went astray must not fill the reader's memory."""

STATUS = struct.Struct("<q")
"""What a status pipe carries: the run process's id when it is forked, its exit code when it ended (negative: the signal)."""


def frame(payload: bytes, *, binary: bool = False) -> bytes:
    """One message as it goes over the stream; `binary` marks what is not JSON. Raises ValueError beyond the limit."""
    if len(payload) > LIMIT:
        raise ValueError(f"a message of {len(payload):,} bytes is too large: the limit is {LIMIT:,}")
    return _HEADER.pack(_BEGIN, len(payload), binary) + payload


class Unframer:
    """Collects bytes as they arrive and gives whole messages; what a dying process left half written is never one."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Every message that is complete now, with its kind. Raises ValueError for what cannot be one."""
        self._buffer += data
        while self._buffer:
            if not self._buffer.startswith(_BEGIN[: len(self._buffer)]):
                raise ValueError("the stream is damaged: this is no message")
            if len(self._buffer) < _HEADER.size:
                return
            _, length, binary = _HEADER.unpack_from(self._buffer)
            if length > LIMIT or self._buffer[_HEADER.size - 1] > 1:
                raise ValueError("the stream is damaged: this is no message")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[_HEADER.size : end])
            del self._buffer[:end]
            yield payload, binary
