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
from app.errors import Unavailable
from app.store import lookouts
from app.store.database import Database

_log = structlog.get_logger("openbell.lookout")
_LOOK_SECONDS = 5.0
_AT_ONCE = 20
_PATIENCE = timedelta(seconds=60)
"""After this long another look may take the turn of one that died, or raised."""


class Lookout:
    """Belongs to the role `scheduler`. A duty of its own: a look may take seconds, and schedules must not wait for it."""

    def __init__(self, database: Database, queries: QueryChild, stopping: threading.Event) -> None:
        self._database = database
        self._stopping = stopping
        self._files = FilesAhead(database, stopping)
        self._vendor = VendorAhead(database, queries)

    def look(self) -> float:
        """Look for everything that is due; answers how long there is nothing to do, at most five."""
        now = clock.now()
        with self._database.read() as connection:
            names = lookouts.due(connection, now, _AT_ONCE)
            upcoming = lookouts.next_at(connection)
            looking = lookouts.names(connection)
        self._files.forget(looking)
        self._vendor.forget(looking)
        for name in names:
            if self._stopping.is_set():
                break
            try:
                self._look_for(name)
            except Unavailable:
                raise
            except Exception as error:
                # The others have their turn all the same, and this one again when its turn is over.
                _log.error("a trigger cannot look; again in a minute", trigger=name, error=repr(error), exc_info=True)
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
