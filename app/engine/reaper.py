"""Finds workers that died and gives their runs back to the queue; ends runs whose ops nobody has any more."""

import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from app import clock
from app.store import catalogue, claims, workers
from app.store.database import Database

_log = structlog.get_logger("openbell.reaper")


def lock_path(data_dir: Path, worker: str) -> Path:
    """The file that a worker holds locked for as long as it lives."""
    return data_dir / "workers" / f"{worker}.lock"


class Reaper:
    """Looks every few seconds, on the monotonic clock. Any number of them may look at the same time."""

    def __init__(self, database: Database, data_dir: Path, own: Callable[[], str], seconds: float) -> None:
        self._database = database
        self._data_dir = data_dir
        self._own = own
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _loop(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self.run_once()
            except Exception as error:
                _log.warning("looking for dead workers failed", error=str(error))

    def run_once(self) -> list[str]:
        """Rescue the runs of every dead worker; answers the ids of the runs."""
        with self._database.read() as connection:
            registered = workers.registered(connection)
            expired = set(workers.expired(connection, clock.now()))
            gone = claims.holders_gone(connection)
        rescued = [run for worker in gone for run in self._rescue(worker, "it stopped and left a run behind")]
        for row in registered:
            if row["id"] == self._own():
                continue
            if row["host"] == socket.gethostname() and self._is_dead(row["id"]):
                rescued += self._rescue(row["id"], "its process ended")
            elif row["id"] in expired:
                rescued += self._rescue(row["id"], "its lease expired")
        self._end_unknown()
        return rescued

    def _end_unknown(self) -> None:
        """End what nobody can execute: once every living worker has said what it has."""
        with self._database.read() as connection:
            living = workers.registered(connection)
            if not living or any(row["catalogue"] is None for row in living):
                return
            found = [catalogue.load(connection, row["catalogue"]) for row in living]
        known = {name for one in found for name in one.by_name}
        before = clock.now() - timedelta(seconds=self._seconds)
        for run in self._database.write(lambda connection: claims.fail_unknown(connection, known, before)):
            _log.error("run ended: nobody has its op", run=run)

    def _rescue(self, worker: str, how: str) -> list[str]:
        rescued = self._database.write(lambda connection: claims.rescue(connection, worker, how))
        _log.warning("worker lost", worker=worker, how=how, runs=len(rescued))
        return rescued

    def _is_dead(self, worker: str) -> bool:
        """Whether the worker's lock file is free: the kernel frees it with the process, whatever became of its pid."""
        path = lock_path(self._data_dir, worker)
        if not path.exists():
            return False  # another data dir on this host: its lease tells
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        lock.release()
        path.unlink(missing_ok=True)
        return True


def hold(data_dir: Path, worker: str) -> FileLock:
    """Take the worker's lock file for as long as this process lives."""
    path = lock_path(data_dir, worker)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    lock.acquire(blocking=False)
    return lock


def let_go(data_dir: Path, worker: str, lock: FileLock) -> None:
    """Give the lock file up at an orderly end."""
    lock.release()
    lock_path(data_dir, worker).unlink(missing_ok=True)
