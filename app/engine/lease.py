"""A worker's lease: renewed by one thread, watched by another that waits for no database."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from app.settings import Settings
from app.store import workers
from app.store.database import Database

_log = structlog.get_logger("openbell.lease")


class Lease:
    """Beats until stopped. Calls `lost` once, from the watchdog, before others may take the worker's runs over.

    Plain threads on the monotonic clock: an APScheduler interval job gives no beat for as long as the wall clock was set back.
    """

    def __init__(self, database: Database, worker: str, settings: Settings, lost: Callable[[], None]) -> None:
        self._database = database
        self._worker = worker
        self._beat = settings.beat_seconds
        self._length = settings.lease_seconds
        self._lost = lost
        self._renewed = time.monotonic()
        self._declared_dead = False
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._renewing, name="heartbeat", daemon=True),
            threading.Thread(target=self._watching, name="lease-watchdog", daemon=True),
        ]

    @property
    def age(self) -> float:
        """Seconds since the lease was renewed."""
        return time.monotonic() - self._renewed

    def start(self) -> None:
        """Begin to beat; the worker has just been registered."""
        self._renewed = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more beats."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(timeout=1)

    def _renewing(self) -> None:
        while not self._stopping.wait(self._beat):
            try:
                before = time.monotonic()
                if self._renew():
                    self._renewed = before
                else:
                    self._declared_dead = True
                    return
            except Exception as error:
                _log.warning("the lease could not be renewed", worker=self._worker, error=str(error))

    def _renew(self) -> bool:
        length = timedelta(seconds=self._length)
        return self._database.write(lambda connection: workers.renew(connection, self._worker, length))

    def _watching(self) -> None:
        limit = self._length - min(self._beat, self._length / 4)
        while not self._stopping.wait(min(0.2, self._beat / 4)):
            if self._declared_dead or self.age > limit:
                _log.error("the lease is lost: ending every run process", worker=self._worker, age=round(self.age, 1))
                # A beat that went through now would keep what the worker held from everyone, for ever.
                self._stopping.set()
                self._lost()
                return
