"""Up to which number no transition can still appear: what a reader in order may read without missing one.

PostgreSQL gives numbers before commits: 7 may be seen while 6 is still being written. Whoever has written a transition and not
committed yet holds a lock on the table until it does, in the mode of writers, and every session may see who holds which lock.
So: the last number given, then those who write now; once these have ended, everything up to that number is there. Who only
reads, writes elsewhere, or sits in another database holds nothing up; a transaction that wrote a transition and stays open does,
for a number that it took may be smaller than those of others.
"""

import time
from typing import Any

from sqlalchemy import Connection, text

from app.store import transitions
from app.store.database import Database

_WAIT_SECONDS = 0.25
"""How long those who write now are waited for; they need a few milliseconds. The reader comes again."""

_FIRST_LOOK_SECONDS = 0.001
_LONGEST_LOOK_SECONDS = 0.02

# A sequence that was never used says 1, and that it was not called.
_GIVEN = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM transitions_seq_seq")
_WRITING = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'transitions'::regclass AND mode = 'RowExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_ALL_WRITING = text(_WRITING)
_STILL_WRITING = text(f"{_WRITING} AND virtualtransaction = ANY(:them)")


def upto(database: Database, seq: int) -> int:
    """The last number up to which nothing is missing; `seq` or less when there is nothing behind it, or not yet."""
    if database.is_sqlite:
        # One writer: numbers are given in the order of commits.
        with database.read() as connection:
            return transitions.newest(connection)
    with database.looking() as connection:
        given: int = connection.execute(_GIVEN).scalar_one()
        return given if given > seq and _ended(connection, _writing(connection, _ALL_WRITING)) else seq


def _writing(connection: Connection, query: Any, them: list[str] | None = None) -> list[str]:
    return list(connection.execute(query, {"them": them} if them else {}).scalars())


def _ended(connection: Connection, writing: list[str]) -> bool:
    """Whether all of these transactions have ended, now or soon."""
    until, pause = time.monotonic() + _WAIT_SECONDS, _FIRST_LOOK_SECONDS
    while writing:
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_LOOK_SECONDS)
        writing = _writing(connection, _STILL_WRITING, writing)
    return True
