"""How SQLite is opened: its newest library, WAL, every commit on disk, explicit transactions."""

import json
import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from app.errors import ConfigurationError, Damaged
from app.store import driver

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
WHEN_DAMAGED = "Run `openbell db verify` to see what is wrong, `openbell db restore` to go back to a backup."
_DAMAGED = (
    "malformed",
    "not a database",
    "file is encrypted",
    "not decode to UTF-8",
    "unsupported file format",
    # In a database at our schema: the text that describes its tables is no longer what a migration wrote.
    "no such table",
    "no such column",
)
_SMALLEST_PAGE = 512
_STEPS_PER_LOOK = 1000
_SHRINK_BYTES = 16 * 2**20


def module() -> ModuleType:
    """`pysqlite3`, which bundles a current SQLite, where it has wheels; the standard library's elsewhere."""
    try:
        import pysqlite3

        return pysqlite3  # type: ignore[no-any-return]  # it has no types
    except ImportError:
        import sqlite3

        return sqlite3


def file_of(url: str) -> Path | None:
    """The file of a SQLite database's URL; None for another database's."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def is_full(error: BaseException | None) -> bool:
    """Whether SQLite found no room."""
    return isinstance(error, module().OperationalError) and "is full" in str(error)


def is_damaged(error: BaseException | None) -> bool:
    """Whether SQLite found that the file is not, or no longer, a database, or not one with our tables."""
    return isinstance(error, module().DatabaseError) and any(part in str(error) for part in _DAMAGED)


def _from_json(text: str | bytes) -> Any:
    """What a JSON column holds was written as JSON: anything else is what a disk made of it."""
    try:
        return json.loads(text)
    except ValueError:
        raise Damaged("The database is damaged: a value in it is not the JSON that was written.", hint=WHEN_DAMAGED) from None


def refuse_damaged(url: str, seconds: float) -> None:
    """Raise ConfigurationError for a SQLite file with broken pages, as far as those can be looked at in that time."""
    file = file_of(url)
    if file is None or not file.is_file() or not file.stat().st_size:
        return
    until = time.monotonic() + seconds
    try:
        opened = module().connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        try:
            opened.set_progress_handler(lambda: time.monotonic() > until, _STEPS_PER_LOOK)
            (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            opened.close()
    except module().DatabaseError as error:
        if not is_damaged(error):
            return  # interrupted, or locked: whoever works with it finds out
        found = str(error)
    # A rule that a row breaks is named by verify, and stops nobody.
    if found != "ok" and "constraint failed" not in found:
        first = " ".join(found.split())
        raise ConfigurationError(f"The database {file} is damaged: {first}.", hint=WHEN_DAMAGED)


def shrink(connection: Any, path: Path) -> None:
    """Write a long write-ahead log back and cut it, unless a reader still needs it: it grew while one did."""
    wal = path.with_name(f"{path.name}-wal")
    if not wal.exists() or wal.stat().st_size < _SHRINK_BYTES:
        return
    # Nobody waits for a reader here: the next time will do.
    connection.execute("PRAGMA busy_timeout=0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")


def create_private(path: Path) -> None:
    """Make the database file, if there is none, for its owner's eyes only; SQLite gives what stands beside it the same mode."""
    if path.parent.is_dir() and not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def engine(url: str, readers: int) -> Engine:
    """An engine whose transactions begin IMMEDIATE, or DEFERRED for a connection with the option `read_only`."""
    made = create_engine(
        url,
        module=module(),
        json_deserializer=_from_json,
        pool_size=readers,
        max_overflow=4,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(made, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing: we do
        _refuse_stump(made.url.database or "")
        _turn_to_wal(connection)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes fails at once when another wrote in between.
        read_only = connection.get_execution_options().get(READ_ONLY)
        driver.execute(connection, "BEGIN" if read_only else "BEGIN IMMEDIATE")

    return made


def _refuse_stump(file: str) -> None:
    """Of a file that was cut within its first page SQLite makes an empty database; what was lost would not be missed."""
    path = Path(file)
    if path.is_file() and 0 < (size := path.stat().st_size) < _SMALLEST_PAGE:
        raise module().DatabaseError(f"{size} bytes are not a database")


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
