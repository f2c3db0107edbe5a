"""How SQLite is opened: its newest library, WAL, every commit on disk, explicit transactions."""

import time
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

SAFE = (3, 51, 3)
"""Before this, SQLite may lose commits in WAL mode with several connections (the WAL-reset bug)."""

_BUSY_SECONDS = 30
_PRAGMAS = (
    "synchronous=FULL",
    f"busy_timeout={_BUSY_SECONDS * 1000}",
    "foreign_keys=ON",
    "journal_size_limit=67108864",
    "cache_size=-1024",
    "temp_store=MEMORY",
)
READ_ONLY = "read_only"


def module() -> ModuleType:
    """`pysqlite3`, which bundles a current SQLite, where it has wheels; the standard library's elsewhere."""
    try:
        import pysqlite3

        return pysqlite3  # type: ignore[no-any-return]  # it has no types
    except ImportError:
        import sqlite3

        return sqlite3


def engine(url: str, readers: int) -> Engine:
    """An engine whose transactions begin IMMEDIATE, or DEFERRED for a connection with the option `read_only`."""
    made = create_engine(
        url,
        module=module(),
        pool_size=readers,
        max_overflow=4,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(made, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing: we do
        _turn_to_wal(connection)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes fails at once when another wrote in between.
        read_only = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return made


def _turn_to_wal(connection: Any) -> None:
    """Of two that open a new file together, SQLite refuses one at once, however long it would wait: it asks again."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except module().OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
