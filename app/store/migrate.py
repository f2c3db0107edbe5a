"""Bring a database to this code's schema: `python -m app.store.migrate URL`.

A process of its own, so that the service never holds Alembic. Safe to race: a second starter waits and finds it done.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from app.errors import ConfigurationError, OpenbellError
from app.store import copies
from app.store.database import Database

HEAD = "0006"
"""The newest revision; a test compares it with the migrations."""

_LOCK = 7_316_802
"""Any number, the same for every starter: PostgreSQL's advisory lock for migrations."""


def revision(connection: Connection) -> str | None:
    """The database's revision; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def folder() -> Path:
    """Where the migrations are: inside an installed package, beside it in a checkout."""
    app = Path(__file__).parent.parent
    inside = app / "migrations"
    return inside if inside.is_dir() else app.parent / "migrations"


def revisions() -> set[str]:
    """Every revision that this code knows."""
    return {path.name.split("_")[0] for path in (folder() / "versions").glob("[0-9]*.py")}


def upgrade(engine: Engine, target: str = HEAD, *, copy: bool = True) -> str | None:
    """Migrate in one transaction; SQLite's file is copied aside before. Raises ConfigurationError when newer than the code."""
    from alembic import command
    from alembic.config import Config

    with engine.connect() as connection, _unhurried(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = revision(connection)
        refuse_newer(found)
        if found == target:
            return found
        if copy and found is not None and engine.url.database and connection.dialect.name == "sqlite":
            # Nobody else writes from here on; what is copied is what is migrated.
            copies.before_migration(Path(engine.url.database), target)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(folder()).replace("%", "%%"))
        command.upgrade(config, target)
        _refuse_orphans(connection)
        return revision(connection)


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """A connection on which nothing is too long for a migration, and a dropped table takes no other's rows with it.

    SQLite changes a table by making another and dropping the first: with foreign keys on, all that refers to it is deleted.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        patience, driver.patience = driver.patience, None
        try:
            yield
        finally:
            driver.patience = patience
    else:
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            yield
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def _refuse_orphans(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    if broken := connection.execute(text("PRAGMA foreign_key_check")).first():
        raise ConfigurationError(
            f"The database was not migrated: rows of {broken[0]} refer to rows of {broken[2]} that are not there.",
            hint="It is as it was. `openbell db verify` says what is wrong with it.",
        )


def refuse_newer(found: str | None) -> None:
    """Raise ConfigurationError for a revision that this code does not know."""
    if found is not None and found not in revisions():
        raise ConfigurationError(
            f"The database has schema {found}, which this version of Openbell does not know (it knows up to {HEAD}).",
            hint="Start the newer version again, or restore a backup from before the upgrade.",
        )


def main(url: str) -> int:
    """Migrate the database at that URL; the exit code. What is wrong is said on stderr."""
    database = Database(url)
    try:
        upgrade(database.engine)
    except OpenbellError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
