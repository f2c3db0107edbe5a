"""How one process learns that another has committed."""

import time
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, text

from app.store.database import CHANNEL, Database

_LOOK_SECONDS = 0.1
_LISTEN_SECONDS = 1.0


class Listener:
    """A connection of its own that answers, soon, whether another process changed the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        database = self._database
        if database.is_sqlite:
            self._connection = database.engine.connect()
            self._version = self._data_version()
            self._own = database.commits
        else:
            self._connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.execute(text(f"LISTEN {CHANNEL}"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Not back into the pool: it listens.
        self._connection.invalidate()
        self._connection.close()

    def heard(self) -> bool:
        """Whether there was a change since the last question; waits a little for one."""
        return self._looked() if self._database.is_sqlite else self._notified(self._connection)

    def _data_version(self) -> int:
        # Straight to the driver: asked ten times a second, it must cost next to nothing.
        driver: Any = self._connection.connection.driver_connection
        (version,) = driver.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _looked(self) -> bool:
        """data_version also moves with this process's own commits, which were told of already: then it says no."""
        time.sleep(_LOOK_SECONDS)
        own, version = self._database.commits, self._data_version()
        changed = version != self._version and own == self._own
        self._version, self._own = version, own
        return changed

    def _notified(self, connection: Connection) -> bool:
        driver: Any = connection.connection.driver_connection
        notices = list(driver.notifies(timeout=_LISTEN_SECONDS, stop_after=1))
        return any(not self._database.is_own(notice.payload) for notice in notices)
