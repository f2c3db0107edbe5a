"""What goes between a worker, its forkserver and its run processes, as bytes: messages in a stream, and exit codes."""

import struct
from collections.abc import Iterator

_HEADER = struct.Struct("<I?")

STATUS = struct.Struct("<q")
"""What a status pipe carries: the run process's id when it is forked, its exit code when it ended (negative: the signal)."""


def frame(payload: bytes, *, binary: bool = False) -> bytes:
    """One message as it goes over the stream; `binary` marks what is not JSON. Raises ValueError from 4 GiB on."""
    if len(payload) >= 2**32:
        raise ValueError(f"a message of {len(payload)} bytes is too large")
    return _HEADER.pack(len(payload), binary) + payload


class Unframer:
    """Collects bytes as they arrive and gives whole messages; what a dying process left half written is never one."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Every message that is complete now, with its kind. Raises ValueError for what cannot be one."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            length, binary = _HEADER.unpack_from(self._buffer)
            if self._buffer[_HEADER.size - 1] > 1:
                raise ValueError("the stream is damaged: this is no message")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[_HEADER.size : end])
            del self._buffer[:end]
            yield payload, binary
