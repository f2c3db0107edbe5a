"""Keeps the DuckDB files that readers are shown from being opened for writing, by root too, to whom its mode is nothing.

DuckDB locks a file whole: a writer's lock keeps all readers out, and a shared one keeps writers out. Whoever shows a file holds a
shared lock on it, so a notebook that forgot `read_only=True` is refused, and nobody waits for it. A process has one lock on a
file, whatever it opened it by: closing the file anywhere in it lets go. So nothing here may be opened by DuckDB in this process.
"""

import fcntl
import os
import threading
from pathlib import Path

KEPT = 8
"""So many files back are held: whoever found one just before the next was shown opens it now."""


class Shown:
    """Holds the newest files that it was given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[int, int], int] = {}

    def hold(self, path: Path) -> bool:
        """Keep writers out of that file from here on; whether that could be done."""
        with self._lock:
            try:
                found = path.stat()
                if (found.st_dev, found.st_ino) in self._held:
                    return True
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return False
            found = os.fstat(descriptor)
            if (found.st_dev, found.st_ino) in self._held:
                # The link moved in between. Closing either lets go of both, so the lock is taken anew.
                os.close(self._held.pop((found.st_dev, found.st_ino)))
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return False
            self._held[found.st_dev, found.st_ino] = descriptor
            for before in list(self._held)[:-KEPT]:
                os.close(self._held.pop(before))
            return True

    def let_go(self) -> None:
        """Hold nothing."""
        with self._lock:
            while self._held:
                os.close(self._held.popitem()[1])
