"""The service's database: reads on sessions of their own, writes through one door, changes told after each commit."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, RowMapping, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import Damaged, DiskFull, Unavailable
from app.store import driver, sqlite
from app.store.ballast import Ballast
from app.store.changes import Changes
from app.store.lane import WriterLane

_log = structlog.get_logger("openbell.database")
Row = RowMapping
__all__ = ["Connection", "Database", "Row", "touch"]  # so that nothing else needs SQLAlchemy for a type

T = TypeVar("T")

READERS = 20
CHANNEL = "openbell"
"""PostgreSQL's notification channel: sent within each writing transaction, heard by the other processes."""
_TRIES = 3
_READS = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_CONFLICTS = ("40001", "40P01", "23505")
"""PostgreSQL's serialization_failure, deadlock_detected and unique_violation: another was first. The whole transaction is
tried again, and then sees what that one did."""


class Database:
    """One database, opened once per process. `write` answers after the commit; a failed write changes nothing.

    `damage` is the sentence of the damage that a read or a write met, if one did. Beyond `queue_limit` queued runs nothing fires.
    """

    def __init__(self, url: str, *, queue_limit: int | None = None) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.changes = Changes()
        if self.is_sqlite and self.url.database:
            sqlite.create_private(Path(self.url.database))
        self.engine = sqlite.engine(url, READERS) if self.is_sqlite else _postgresql(url)
        # Who fires a run has a connection, and no settings.
        event.listen(self.engine, "connect", lambda _, record: record.info.update(queue_limit=queue_limit))
        self.ballast: Ballast | None = None
        self.damage: str | None = None
        self.commits = 0
        self._process = secrets.token_hex(8)
        self._notice = {"channel": CHANNEL, "process": self._process}
        self._lane = WriterLane(self.engine, self._committed) if self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction: one consistent view for the block."""
        with self._answering(), self.engine.connect() as connection:
            # PostgreSQL's default would show each statement another state.
            options = {sqlite.READ_ONLY: True} if self.is_sqlite else _READS
            connection.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """PostgreSQL: statements that each see what is committed, and what the server says of itself, at their own moment."""
        with self._answering(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run the work in a transaction and answer its result after the commit.

        The work may run more than once (after a conflict with another, or on a disk that was full), so it must do nothing
        but SQL.
        """
        with self._answering():
            if self._lane is None:
                return self._tried(work)
            try:
                answer: T = self._lane.write(work)
            except DBAPIError as error:
                # SQLite needs room even to delete. What is already under way is worth the room that was kept for it.
                if self.ballast is None or not sqlite.is_full(error.orig) or not self.ballast.release():
                    raise
                answer = self._lane.write(work)
            return answer

    def _tried(self, work: Callable[[Connection], T]) -> T:
        for left in reversed(range(_TRIES)):
            try:
                return self._own_transaction(work)
            except DBAPIError as error:
                if not left or getattr(error.orig, "sqlstate", None) not in _CONFLICTS:
                    raise
        raise AssertionError("unreachable")

    def _committed(self, topics: set[str]) -> None:
        self.commits += 1
        self.changes.notify(topics)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Damage that is met is kept in mind: whatever can still be read, this database is not to be worked with."""
        try:
            with _answering():
                yield
        except Damaged as error:
            if self.damage is None:
                self.damage = error.detail
                _log.error("the database is damaged", error=error.detail, hint=error.hint)
            raise

    def is_own(self, payload: str) -> bool:
        """Whether a notification came from this process, which has been told already."""
        return payload == self._process

    def writer(self) -> dict[str, Any] | None:
        """How the writer lane of this process does; None on PostgreSQL, which has none."""
        return self._lane.facts() if self._lane is not None else None

    def lack(self) -> str | None:
        """What keeps every run from beginning, if something does."""
        return self.ballast.lack() if self.ballast is not None else None

    def close(self) -> None:
        """Finish the accepted writes and let go of every connection."""
        if self._lane is not None:
            self._lane.close()
        self.engine.dispose()

    def _own_transaction(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            connection.info["topics"] = topics = set[str]()
            with connection.begin():
                result = work(connection)
                if topics:
                    driver.execute(connection, "SELECT pg_notify(%(channel)s, %(process)s)", self._notice)
        self._committed(topics)
        return result


@contextmanager
def _answering() -> Iterator[None]:
    """What the database itself cannot do now becomes Unavailable; a fault of ours stays what it is."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("The database has no free connection.", hint="Try again in a moment.") from error
    except DBAPIError as error:
        if sqlite.is_damaged(error.orig):
            raise Damaged(f"The database is damaged: {_said(error)}.", hint=sqlite.WHEN_DAMAGED) from error
        if sqlite.is_full(error.orig) or getattr(error.orig, "sqlstate", "") == _DISK_FULL:
            raise DiskFull(hint="Make room on the database's disk. What was accepted is kept, and goes on then.") from error
        if not error.connection_invalidated and not _is_passing(error):
            raise
        raise Unavailable("The database does not answer.", hint=_said(error)) from error
    except sqlite.module().DatabaseError as error:  # the driver's own, out of a cursor that is read without SQLAlchemy
        if not sqlite.is_damaged(error):
            raise
        raise Damaged(f"The database is damaged: {error}.", hint=sqlite.WHEN_DAMAGED) from error


def _said(error: DBAPIError) -> str:
    return next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)


_DISK_FULL = "53100"
_LOCK_NOT_AVAILABLE = ("55P03",)
_PASSING_CLASSES = ("08", "40", "53", "57")
"""PostgreSQL's SQLSTATE classes: connection exception, transaction rollback, insufficient resources, operator intervention."""
_PASSING = ("is locked", "disk I/O", "is full", "unable to open", "readonly database", "interrupted")


def _is_passing(error: DBAPIError) -> bool:
    """Whether it is the state of the database, not the statement: PostgreSQL has codes for it, SQLite only the text."""
    state = getattr(error.orig, "sqlstate", "")
    if state:
        return state in _LOCK_NOT_AVAILABLE or state[:2] in _PASSING_CLASSES
    return isinstance(error, OperationalError) and (state is None or any(part in str(error.orig) for part in _PASSING))


def touch(connection: Connection, *topics: str) -> None:
    """Say that these topics change when the transaction commits."""
    connection.info.setdefault("topics", set()).update(topics)


def _postgresql(url: str) -> Engine:
    # Who uses SQLite does not hold psycopg in memory.
    from app.store import postgresql

    return postgresql.engine(url, READERS)
