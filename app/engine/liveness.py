"""Whether a worker lives: its lock file tells on its own host, its heartbeat everywhere."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_SWEPT_SECONDS = 5


def lock_path(data_dir: Path, worker: str) -> Path:
    """The file that a worker holds locked for as long as it lives."""
    return data_dir / "workers" / f"{worker}.lock"


def hold(data_dir: Path, worker: str) -> FileLock:
    """Take the worker's lock file for as long as this process lives."""
    path = lock_path(data_dir, worker)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever ends the worker lets go, in whichever thread.
    lock = FileLock(path, thread_local=False)
    while True:
        # Who sweeps up may have found the file before it was locked.
        lock.acquire(timeout=_SWEPT_SECONDS)
        if path.exists():
            return lock
        lock.release()


def let_go(data_dir: Path, worker: str, lock: FileLock) -> None:
    """Give the lock file up at an orderly end."""
    lock_path(data_dir, worker).unlink(missing_ok=True)
    lock.release()


def locked(data_dir: Path) -> set[str]:
    """Workers that have a lock file in this data dir, alive or not."""
    return {path.stem for path in (data_dir / "workers").glob("*.lock")}


@contextlib.contextmanager
def dead(data_dir: Path, worker: str) -> Iterator[bool]:
    """Whether the worker's lock file is free: the kernel frees it with the process, whatever became of its pid.

    While the block runs nobody else finds this out; when it ends well, the file of a dead worker is gone.
    """
    path = lock_path(data_dir, worker)
    lock = FileLock(path)
    try:
        if not path.exists():
            raise Timeout(str(path))
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
        path.unlink(missing_ok=True)
    finally:
        lock.release()


class Heartbeats:
    """Which workers are silent: nobody's wall clock is asked, so setting one declares nobody dead.

    A lease is over when it was not renewed for as long as it lasts, counted on this observer's monotonic clock, look by look:
    a machine that was stopped and goes on has not been looking.
    """

    def __init__(self, longest_look: float) -> None:
        self._longest_look = longest_look
        self._looked: float | None = None
        self._seen: dict[str, tuple[Any, float]] = {}

    def silent(self, registered: Iterable[Mapping[str, Any]], now: float) -> set[str]:
        """Ids of the workers whose lease is over, by what was registered at this monotonic instant and before."""
        passed = min(now - self._looked, self._longest_look) if self._looked is not None else 0.0
        self._looked = now
        before, self._seen, over = self._seen, {}, set()
        for row in registered:
            beat, silence = before.get(row["id"], (None, 0.0))
            silence = silence + passed if beat == row["renewed_at"] else 0.0
            self._seen[row["id"]] = (row["renewed_at"], silence)
            if silence > (row["lease_expires_at"] - row["renewed_at"]).total_seconds():
                over.add(row["id"])
        return over
