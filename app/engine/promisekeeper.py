"""Decides deadlines when their moment comes, and looks ahead once a minute at those that are open. The timekeeper asks."""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from app import clock
from app.definitions.foresight import PastDay
from app.store import deadlines, foresight
from app.store.database import Connection, Database
from app.store.foresight import Foreseen, Key
from app.store.promises import WARNED, Promised

_log = structlog.get_logger("openbell.deadlines")
_AT_ONCE = 50
_TOGETHER = 5
_AHEAD_SECONDS = 60.0
"""How often what is open is compared with earlier days."""


class Promisekeeper:
    """Any number of processes may have one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Key, list[PastDay]] = {}
        self._looked_at = -_AHEAD_SECONDS

    def look(self) -> datetime | None:
        """Decide all that is due; answers when to come again at the latest."""
        now = clock.now()
        with self._database.read() as connection:
            names = deadlines.due(connection, now, _AT_ONCE)
            following = deadlines.next_at(connection)
        for start in range(0, len(names), _TOGETHER):
            for promised in self._database.write(partial(_evaluate, names[start : start + _TOGETHER])):
                _say(promised)
        if time.monotonic() - self._looked_at >= _AHEAD_SECONDS:
            self._looked_at = time.monotonic()
            self.look_ahead()
        return now if names else following

    def look_ahead(self) -> None:
        """Foresee what is open, and warn of what will be late."""
        with self._database.read() as connection:
            found = foresight.look(connection, clock.now(), self._known)
        if found:
            for late in self._database.write(lambda connection: foresight.write(connection, found)):
                _warn(late)


def _evaluate(names: Sequence[str], connection: Connection) -> list[Promised]:
    now = clock.now()
    return [promised for name in sorted(names) for promised in deadlines.evaluate(connection, name, now)]


def _say(promised: Promised) -> None:
    facts = {"deadline": promised.deadline, "trade_date": promised.trade_date.isoformat(), "due": clock.iso(promised.due_at)}
    say = _log.warning if promised.outcome in WARNED else _log.info
    say(promised.outcome, **facts, run=promised.run_id, detail=promised.detail or "")


def _warn(late: Foreseen) -> None:
    day, at = late.trade_date.isoformat(), clock.iso(late.foresight.at)
    _log.warning("will be late", deadline=late.deadline, trade_date=day, expected=at, detail=late.foresight.sentence)
