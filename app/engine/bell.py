"""A bell that other threads ring for one that waits on descriptors; ringing a closed one does nothing."""

import os
import threading


class Bell:
    """An eventfd behind a lock: once it is closed its number may be any other file's, and must not be written to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptor: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor to wait on; only for the thread that closes it."""
        assert self._descriptor is not None
        return self._descriptor

    def ring(self) -> None:
        """Wake the waiter, from any thread."""
        with self._lock:
            if self._descriptor is not None:
                os.eventfd_write(self._descriptor, 1)

    def quiet(self) -> None:
        """Forget that it rang."""
        os.eventfd_read(self.fileno())

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
