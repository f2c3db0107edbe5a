"""Which database a lake belongs to: both bear one identity, so that no other database is taken for the lake's own."""

import secrets
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from app import private
from app.durable import sync
from app.errors import ConfigurationError
from app.store import migrate, sqlite
from app.store.database import Database
from app.store.tables import lake, runs, snapshots

FILE = "database.id"
"""In the lake; it says nothing while the lake has no file of data."""

_SINCE = "0005"
"""The first schema whose database can bear an identity."""


def refuse_lost(url: str, data_dir: Path) -> None:
    """Raise ConfigurationError when a SQLite file is gone, or empty, beside a lake that has files; makes no file by looking."""
    file = sqlite.file_of(url)
    if file is None or (file.is_file() and file.stat().st_size) or not _is_used(data_dir):
        return
    what = f"The database {file} is empty" if file.exists() else f"There is no database {file}"
    raise _refusal(f"{what}, and the lake {_folder(data_dir)} has files: it belongs to another database.")


def fault(connection: Connection, data_dir: Path) -> str | None:
    """What is wrong when the lake has files and they are not this database's, in a sentence."""
    if not _is_used(data_dir):
        return None
    revision = migrate.revision(connection)
    said, known = _written(data_dir), _known(connection, revision)
    # Before schema 0005 nobody bore an identity: a database with a history is believed.
    if said == known if said else revision and _has_history(connection):
        return None
    return f"The lake {_folder(data_dir)} belongs to another database than the one at {connection.engine.url!r}."


def refuse_foreign(connection: Connection, data_dir: Path) -> None:
    """Raise ConfigurationError for a lake that is another database's."""
    if sentence := fault(connection, data_dir):
        raise _refusal(sentence)


def settle(database: Database, data_dir: Path) -> None:
    """Have database and lake bear the same identity, before the lake gets its first file. Raises ConfigurationError."""
    with database.read() as connection:
        refuse_foreign(connection, data_dir)
        known = _known(connection, migrate.HEAD)
    known = known or database.write(lambda connection: _bear(connection, secrets.token_hex(16)))
    if _written(data_dir) != known:
        _folder(data_dir).mkdir(exist_ok=True)
        private.write(_folder(data_dir) / FILE, f"{known}\n")
        sync(_folder(data_dir))
        sync(data_dir)


def restored(database: Database, data_dir: Path) -> None:
    """Let a restored database from before there were identities bear the lake's. Raises ConfigurationError for another's lake."""
    said = _written(data_dir)
    with database.read() as connection:
        known = _known(connection, migrate.HEAD)
    if said and not known:
        database.write(lambda connection: _bear(connection, said))
    elif said and said != known and _is_used(data_dir):
        raise ConfigurationError(
            f"The backup is of another database than the one that the lake {_folder(data_dir)} belongs to.",
            hint="Restore it beside its own lake: put that in place first, or name its data dir in OPENBELL_DATA_DIR.",
        )


def _bear(connection: Connection, identity: str) -> str:
    """The database's identity: this one, if it had none."""
    known = connection.execute(select(lake.c.identity).with_for_update()).first()
    if known is None:
        connection.execute(insert(lake).values(id=1, snapshot=0, identity=identity))
    elif known.identity is not None:
        return str(known.identity)
    else:
        connection.execute(update(lake).values(identity=identity))
    return identity


def _known(connection: Connection, revision: str | None) -> str | None:
    if revision is None or revision < _SINCE:
        return None
    return connection.execute(select(lake.c.identity)).scalar()


def _written(data_dir: Path) -> str | None:
    try:
        return (_folder(data_dir) / FILE).read_text().strip() or None
    except FileNotFoundError:
        return None


def _has_history(connection: Connection) -> bool:
    return any(connection.execute(select(table.c[0]).limit(1)).first() for table in (snapshots, runs))


def _is_used(data_dir: Path) -> bool:
    return any(_folder(data_dir).glob("[!.]*/*.parquet"))


def _folder(data_dir: Path) -> Path:
    return data_dir / "lake"


def _refusal(sentence: str) -> ConfigurationError:
    return ConfigurationError(
        sentence, hint="Put the lake's own back with `openbell db restore`, or name another data dir in OPENBELL_DATA_DIR."
    )
