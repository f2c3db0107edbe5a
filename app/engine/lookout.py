"""Looks for what triggers wait for outside: whole new files, and a vendor's data that are ready. Holds no slot.

Any number of processes may look: whoever takes a trigger's turn does, and what it finds fires once, by the ledger's key.
"""

import threading
from datetime import timedelta

import structlog

from app import clock
from app.engine.files_ahead import FilesAhead
from app.engine.query_child import QueryChild
from app.engine.vendor_ahead import VendorAhead
from app.store import lookouts
from app.store.changes import TIMES
from app.store.database import Database

_log = structlog.get_logger("openbell.lookout")
_LOOK_SECONDS = 2.0
_AT_ONCE = 20
_PATIENCE = timedelta(seconds=60)
"""After this long another process may take the turn of one that died while it looked."""


class Lookout:
    """Belongs to the role `scheduler`. A thread of its own: a look may take seconds, and schedules must not wait for it."""

    def __init__(self, database: Database, queries: QueryChild) -> None:
        self._database = database
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._files = FilesAhead(database, self._stopping)
        self._vendor = VendorAhead(database, queries)
        self._thread = threading.Thread(target=self._looking, name="lookout", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def _looking(self) -> None:
        with self._database.changes.listening(TIMES, self._woken.set):
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    wait = self.look()
                except Exception as error:
                    _log.warning("looking failed; again soon", error=str(error))
                    wait = _LOOK_SECONDS
                self._woken.wait(wait)

    def look(self) -> float:
        """Look for everything that is due; answers how long there is nothing to do, at most two seconds."""
        now = clock.now()
        with self._database.read() as connection:
            names = lookouts.due(connection, now, _AT_ONCE)
            upcoming = lookouts.next_at(connection)
        for name in names:
            if self._stopping.is_set():
                break
            self._look_for(name)
        left = (upcoming - clock.now()).total_seconds() if upcoming else _LOOK_SECONDS
        return max(0.0, min(_LOOK_SECONDS, left))

    def _look_for(self, name: str) -> None:
        now = clock.now()
        trigger = self._database.write(lambda connection: lookouts.take_turn(connection, name, now, now + _PATIENCE))
        if trigger is None:
            return
        when = trigger.document["when"]
        if "file" in when:
            at = self._files.look(trigger)
        elif "vendor_ready" in when:
            at = self._vendor.look(trigger, now)
        else:
            at = None
        self._database.write(lambda connection: lookouts.look_at(connection, name, at))
