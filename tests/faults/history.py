"""What happened, as each side saw it: one JSON object a line, appended by many processes to one file.

Its order is the order of the writes: with O_APPEND and one `write` a line, what was done before another line was written
stands above it, whichever process wrote either. That is stronger than any clock.

    client    invoke, ok, fail (refused), info (no answer: it may have happened or not)
    op        effect_begin, effect_work, effect_commit: what a run's process really did
    killer    kill
    database  run, step, attempt, transition, snapshot, worker, pool, slot: read when all is over
    lake      file, row, count: what a reader of the newest snapshot finds
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app import clock

Line = dict[str, Any]


class History:
    """Appends to the file. Holds nothing open, so that an op may use it in a process that was forked."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def write(self, side: str, what: str, **facts: Any) -> None:
        """Append one line, stamped with the service's clock in seconds unless `at` is given."""
        line = {"at": clock.now().timestamp(), "side": side, "what": what, **facts}
        # It begins with a line break too: a write that SIGKILL cut short spoils itself and no other.
        data = f"\n{json.dumps(line, separators=(',', ':'))}\n".encode()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)


class Reader:
    """Reads a history on while others append to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def new(self) -> Iterator[Line]:
        """The whole lines that came since the last look; what a kill cut short is left out."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                if line:
                    yield json.loads(line)
            except ValueError:
                continue


def read(path: Path) -> list[Line]:
    """Every whole line, in order."""
    return list(Reader(path).new())
