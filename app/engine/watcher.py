"""Hears of other processes' commits: `PRAGMA data_version` on SQLite, LISTEN on PostgreSQL. A poll stands behind both."""

import threading

import structlog

from app.store.changes import EVERYTHING
from app.store.database import Database
from app.store.wakeups import Listener

_log = structlog.get_logger("openbell.watcher")
_RETRY_SECONDS = 2


class Watcher:
    """Wakes everything that waits in this process when another one committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        self._thread.join(timeout=2)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                with Listener(self._database) as listener:
                    while not self._stopping.is_set():
                        if listener.heard():
                            self._database.changes.notify((EVERYTHING,))
            except Exception as error:
                _log.warning("not hearing of other processes' changes", error=str(error))
                self._stopping.wait(_RETRY_SECONDS)
