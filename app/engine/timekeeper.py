"""Does what is due by time: schedules, joins whose deadline has come, promises. Any number of processes may do so together.

It looks at the wall clock at least every two seconds: when that is set, forwards or back, it goes on from what it finds. Each
moment is decided in one transaction with its run, under the schedule's row lock.
"""

import math
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog

from app import clock
from app.engine.promisekeeper import Promisekeeper
from app.store import deadlines, joins, lookouts, schedules, triggers
from app.store.database import Connection, Database
from app.store.firings import Firing

_log = structlog.get_logger("openbell.timekeeper")
_LOOK_SECONDS = 2.0
_AT_ONCE = 50
_TOGETHER = 20
"""Schedules in one transaction: the writer's lane is everybody's."""
_LANE_SECONDS = 0.02
_PUT_OFF = timedelta(minutes=1)
_STEP_SECONDS = 1.0
"""A clock that is drawn right slowly does not do this much between two looks."""


class Timekeeper:
    """Belongs to the role `scheduler`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._promises = Promisekeeper(database)
        self._ahead = math.inf

    def look(self) -> float:
        """Decide all that is due now; answers how long there is nothing to do, at most two seconds."""
        self._notice_step()
        now = clock.now()
        with self._database.read() as connection:
            names = schedules.due(connection, now, _AT_ONCE)
            upcoming = schedules.next_at(connection)
            deadline = joins.next_deadline(connection)
        for start in range(0, len(names), _TOGETHER):
            self._evaluate(names[start : start + _TOGETHER])
        if deadline is not None and deadline <= now:
            self._database.write(_expire)
        promised = self._promises.look()
        if names:
            return 0.0
        # Set back by an hour, the wall clock is looked at again long before that hour is over.
        left = [(at - clock.now()).total_seconds() for at in (upcoming, deadline, promised) if at is not None]
        return max(0.0, min([_LOOK_SECONDS, *left]))

    def _evaluate(self, names: Sequence[str]) -> None:
        try:
            found = self._database.write(partial(_evaluate, names))
        except Exception as error:
            if len(names) == 1:
                _log.error("a schedule cannot be decided; again in a minute", schedule=names[0], error=str(error))
                self._database.write(partial(schedules.put_off, name=names[0], until=clock.now() + _PUT_OFF))
                return
            # One that fails must not keep the others from firing.
            for name in names:
                self._evaluate([name])
            return
        for firing in found:
            _say(firing)

    def _notice_step(self) -> None:
        """How far the wall clock is before the monotonic one falls when the wall clock is set back."""
        before, self._ahead = self._ahead, clock.now().timestamp() - time.monotonic()
        if self._ahead < before - _STEP_SECONDS:
            self._database.write(_set_back)


def _evaluate(names: Sequence[str], connection: Connection) -> list[Firing]:
    now, until = clock.now(), time.monotonic() + _LANE_SECONDS
    found: list[Firing] = []
    for name in sorted(names):
        found += schedules.evaluate(connection, name, now)
        if time.monotonic() > until:
            # The others are due still, and come at the next look.
            break
    return found


def _set_back(connection: Connection) -> None:
    schedules.set_back(connection, clock.now())
    deadlines.set_back(connection, clock.now())
    lookouts.set_back(connection, clock.now())


def _expire(connection: Connection) -> None:
    now = clock.now()
    for due in joins.due(connection, now, _AT_ONCE):
        triggers.join_expired(connection, due, now)


def _say(firing: Firing) -> None:
    facts = {"schedule": firing.name, "due": clock.iso(firing.due_at), "run": firing.run_id, "reason": firing.reason}
    say = _log.info if firing.outcome in ("fired", "skipped") else _log.warning
    say(firing.outcome, **{name: value for name, value in facts.items() if value is not None}, detail=firing.detail or "")
