"""How PostgreSQL is opened: no call of ours waits for a server that says nothing, and no session of ours stays open for long."""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError

T = TypeVar("T")

APPLICATION = "openbell"
"""What our sessions call themselves in pg_stat_activity."""

_CONNECT_SECONDS = 2
_PING_SECONDS = 1.0
_FRESH_SECONDS = 0.5
_USED = "used_at"
_PATIENCE_SECONDS = 12.0
"""A server or network that acknowledges every packet and answers none is past every time-out of the server, of libpq and of
TCP; only a clock on this side ends such a call. Longer than the server's own limit, so that a slow statement is told as one."""

_SESSION = {
    "timezone": "UTC",
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    # A process that froze or was cut off in a transaction must not hold its worker's row, which a rescue needs, nor the
    # stream of transitions. None of ours is idle for longer than a moment.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "10s",
}
_SOCKET = {"tcp_user_timeout": 5000, "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2}


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose every call ends within `patience` seconds (None: never by itself); past that it is closed."""

    patience: float | None = _PATIENCE_SECONDS

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg's, bounded. Raises OperationalError."""
        until = timeout if timeout is not None else self.patience
        try:
            return super().wait(gen, interval, until)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise
            # The answer may still come: to nobody.
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the server said nothing for {until:g} s") from error

    def ping(self) -> None:
        """One question and its answer. Raises psycopg.Error when that takes more than a second."""
        self.patience, patience = _PING_SECONDS, self.patience
        try:
            self.autocommit = True
            self.execute("SELECT 1")
            self.autocommit = False
        finally:
            self.patience = patience


def engine(url: str, readers: int) -> Engine:
    """An engine whose connections are asked whether they still live each time one is taken."""
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    made = create_engine(
        parsed,
        pool_size=readers,
        max_overflow=4,
        pool_timeout=_CONNECT_SECONDS,
        pool_recycle=1800,
        connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": APPLICATION, "options": options, **_SOCKET},
    )

    @event.listens_for(made, "do_connect")
    def _connect(_dialect: object, _record: object, arguments: Any, keywords: Any) -> PatientConnection:
        return PatientConnection.connect(*arguments, **keywords)

    # Instead of SQLAlchemy's pool_pre_ping, which would have the patience of a statement.
    @event.listens_for(made, "checkout")
    def _ask(connection: PatientConnection, record: Any, _proxy: object) -> None:
        # One that was used a moment ago is not asked: that would double the way to the server for every transaction.
        if time.monotonic() - record.info.get(_USED, 0.0) < _FRESH_SECONDS:
            return
        try:
            connection.ping()
        except psycopg.Error as error:
            raise InvalidatePoolError(str(error)) from error

    @event.listens_for(made, "checkin")
    def _used(_connection: object, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    return made
