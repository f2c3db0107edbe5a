"""Room on the disk of the data dir: how much must be free before a run begins, and some kept for ending those that did."""

import contextlib
import os
import threading
import time
from pathlib import Path

import structlog

_log = structlog.get_logger("openbell.disk")
NAME = "ballast"
_SHARE = 16
_LARGEST = 16 * 2**20
_SMALLEST = 256 * 2**10
_JUST_NOW_SECONDS = 5.0


class Ballast:
    """A file of the data dir that is deleted when the disk is full: SQLite needs room even to write down a failure.

    Every process of a data dir has one of these over the same file. `free_bytes` 0: neither gate nor ballast.
    """

    def __init__(self, folder: Path, free_bytes: int) -> None:
        self._folder = folder
        self._file = folder / NAME
        self._wanted = free_bytes
        self._size = min(max(free_bytes // _SHARE, _SMALLEST), _LARGEST)
        self._lock = threading.Lock()
        self._released_at: float | None = None

    def lack(self) -> str | None:
        """Why no run may begin, as what a run waits for; None while there is room. Keeps the ballast in its place."""
        if not self._wanted:
            return None
        try:
            free = self._free()
        except OSError as error:
            return f"the data dir: {self._folder} cannot be looked at ({error.strerror})"
        if free < self._wanted:
            return f"room on the disk: {_mebibytes(free)} MiB of {self._folder} are free, {_mebibytes(self._wanted)} are needed"
        self._refill(free)
        return None

    def release(self) -> bool:
        """Give the kept room away; whether there was any, or was a moment ago."""
        with self._lock:
            now = time.monotonic()
            try:
                self._file.unlink()
            except OSError:
                return self._released_at is not None and now - self._released_at < _JUST_NOW_SECONDS
            self._released_at = now
            _log.error("the disk is full: the room that was kept is given to what is under way", folder=str(self._folder))
            return True

    def _free(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def _refill(self, free: int) -> None:
        if self._file.exists() or free < self._wanted + self._size:
            return
        aside = self._file.with_name(f".{NAME}.{os.getpid()}")
        with self._lock:
            try:
                descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, self._size)
                finally:
                    os.close(descriptor)
                aside.replace(self._file)
            except OSError as error:
                _log.warning("no room could be kept", error=str(error))
                with contextlib.suppress(OSError):
                    aside.unlink(missing_ok=True)


def _mebibytes(number: int) -> str:
    return f"{number / 2**20:.0f}" if number >= 10 * 2**20 else f"{number / 2**20:.1f}"
