"""Finds workers that died and gives their runs back to the queue; ends runs whose ops nobody has any more."""

import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from app import clock
from app.engine import leftovers, liveness
from app.settings import Settings
from app.store import catalogue, claims, rescues, workers
from app.store.database import Database

_log = structlog.get_logger("openbell.reaper")
_LOCKS_SECONDS = 0.5
"""How often the lock files of this host's workers are looked at: that costs no query while there is none but our own."""


class Reaper:
    """Looks every few seconds, on the monotonic clock. Any number of them may look at the same time."""

    def __init__(self, database: Database, settings: Settings, own: Callable[[], str]) -> None:
        self._database = database
        self._data_dir = settings.data_dir
        self._own = own
        self._seconds = settings.reap_seconds
        self._patience = timedelta(seconds=settings.unknown_op_seconds)
        self._heartbeats = liveness.Heartbeats(2 * settings.reap_seconds)
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
        next_look = time.monotonic() + self._seconds
        while not self._stopping.wait(min(_LOCKS_SECONDS, self._seconds)):
            try:
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + self._seconds
                    self.run_once()
                elif liveness.locked(self._data_dir) - {self._own()}:
                    self._rescue_neighbours()
            except Exception as error:
                _log.warning("looking for dead workers failed", error=str(error))

    def run_once(self) -> list[str]:
        """Rescue the runs of every dead worker; answers the ids of the runs."""
        rescued = self._rescue_neighbours()
        with self._database.read() as connection:
            registered = workers.registered(connection)
            gone = rescues.holders_gone(connection)
        silent = self._heartbeats.silent(registered, time.monotonic()) - {self._own()}
        for worker, how in [
            *((worker, "stopped and left the run behind") for worker in gone),
            *((worker, "stopped renewing its lease") for worker in sorted(silent)),
        ]:
            rescued += self._rescue(worker, how)
        self._end_unknown()
        self._sweep_locks()
        return rescued

    def _sweep_locks(self) -> None:
        """Files of nobody: a process died before it was registered, or while it took a dead one's runs over."""
        with self._database.read() as connection:
            registered = {row["id"] for row in workers.registered(connection)}
        for worker in liveness.locked(self._data_dir) - registered - {self._own()}:
            with liveness.dead(self._data_dir, worker):
                pass

    def _rescue_neighbours(self) -> list[str]:
        """Those of this host whose process has ended."""
        with self._database.read() as connection:
            registered = {row["id"] for row in workers.registered(connection) if row["host"] == socket.gethostname()}
        rescued = []
        for worker in sorted(registered & liveness.locked(self._data_dir) - {self._own()}):
            with liveness.dead(self._data_dir, worker) as is_dead:
                if is_dead:
                    rescued += self._rescue(worker, "ended")
        return rescued

    def _end_unknown(self) -> None:
        """End what nobody can execute: once every living worker has said what it has.

        One that had the op and went may be on its way back.
        """
        before = clock.now() - self._patience
        with self._database.read() as connection:
            living = workers.registered(connection)
            if not living or any(row["catalogue"] is None for row in living):
                return
            found = [catalogue.load(connection, digest) for digest in workers.catalogues_since(connection, before)]
        known = {name for one in found for name in one.by_name}
        for run in self._database.write(lambda connection: claims.fail_unknown(connection, known, before)):
            _log.error("run ended: nobody has its op", run=run)

    def _rescue(self, worker: str, how: str) -> list[str]:
        """Declare it dead, so that it claims nothing more; end what of it lives on this host; then give its runs back."""
        self._database.write(lambda connection: rescues.declare_dead(connection, worker, how))
        with self._database.read() as connection:
            held = claims.held_by(connection, worker)
        leftovers.end_attempts(held)
        rescued = self._database.write(lambda connection: rescues.rescue(connection, worker, how))
        _log.warning("worker lost", worker=worker, how=how, runs=len(rescued))
        return rescued
