"""Bring a database to this code's schema: `python -m app.store.migrate URL`.

A process of its own, so that the service never holds Alembic. Safe to race: a second starter waits and finds it done.
"""

import sys
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from app.errors import ConfigurationError
from app.store.database import Database

HEAD = "0003"
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


def upgrade(engine: Engine, target: str = "head") -> str | None:
    """Migrate in one transaction. Raises ConfigurationError when the database is newer than the code."""
    from alembic import command
    from alembic.config import Config

    with engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        refuse_newer(revision(connection))
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(folder()).replace("%", "%%"))
        command.upgrade(config, target)
        return revision(connection)


def refuse_newer(found: str | None) -> None:
    """Raise ConfigurationError for a revision that this code does not know."""
    if found is not None and found not in revisions():
        raise ConfigurationError(
            f"The database has schema {found}, which this version of Openbell does not know (it knows up to {HEAD}).",
            hint="Start the newer version again, or restore a backup from before the upgrade.",
        )


def main(url: str) -> None:
    """Migrate the database at that URL."""
    database = Database(url)
    try:
        upgrade(database.engine)
    finally:
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
