"""A backup: a folder with one consistent copy of the database and a list of what that stands on; and the way back.

backups/20261124T103000Z/openbell.db    (SQLite; on PostgreSQL pg_dump's own file is to stand here)
backups/20261124T103000Z/backup.json    schema, newest snapshot, every file of the lake that a snapshot names
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from app import clock
from app.durable import sync
from app.errors import ConfigurationError
from app.store import copies, identity, lake, migrate, revival, sqlite, verify
from app.store.database import Database

MANIFEST = "backup.json"
COPY = "openbell.db"
DUMP = "openbell.dump"
_REPLACED = "replaced-"


def make(database: Database, folder: Path, version: str) -> dict[str, Any]:
    """Write a backup to a new folder, whole or not at all; answers its manifest. The service may run meanwhile.

    On PostgreSQL the manifest alone: the copy is pg_dump's, `dump_command` says how.
    """
    if folder.exists():
        raise ConfigurationError(f"{folder} exists already.", hint="A backup is written to a new folder.")
    copies.private_folder(folder.parent)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    aside.mkdir(mode=0o700)
    try:
        manifest = _copied(database, aside) if database.is_sqlite else _listed(database)
        manifest = {"made_at": clock.iso(clock.now()), "version": version, **manifest}
        _write(aside / MANIFEST, manifest)
        sync(aside)
        aside.replace(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return manifest


def _copied(database: Database, aside: Path) -> dict[str, Any]:
    target = aside / COPY
    copies.copy(Path(database.url.database or ""), target)
    # From the copy and not from the database, which has gone on since.
    found = _manifest_of(target)
    return {**found, "database": {"bytes": target.stat().st_size, "sha256": copies.digest(target)}}


def _manifest_of(copy: Path) -> dict[str, Any]:
    opened = copies.read_only(copy)
    try:
        ((schema,),) = opened.execute("SELECT version_num FROM alembic_version").fetchall()
        snapshot = opened.execute("SELECT snapshot FROM lake").fetchone()
        named = "SELECT path, bytes FROM files WHERE id IN (SELECT file_id FROM dataset_files) ORDER BY path"
        files = [{"path": path, "bytes": size} for path, size in opened.execute(named)]
    finally:
        opened.close()
    return {"schema": schema, "snapshot": snapshot[0] if snapshot else 0, "files": files}


def _listed(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        named = [{"path": file.path, "bytes": file.bytes} for file in connection.execute(verify.NAMED_FILES)]
        return {"schema": migrate.revision(connection), "snapshot": lake.newest(connection), "files": named, "database": None}


def _write(path: Path, manifest: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def newest(folder: Path) -> Path:
    """The newest backup below a folder. Raises ConfigurationError when there is none."""
    found = sorted(path.parent for path in folder.glob(f"[0-9]*/{MANIFEST}"))
    if not found:
        raise ConfigurationError(f"There is no backup in {folder}.", hint="`openbell db backup` makes one.")
    return found[-1]


def dump_command(database: Database, folder: Path) -> str:
    """How an administrator of PostgreSQL makes the copy. The password comes from PGPASSWORD or ~/.pgpass."""
    return f"pg_dump --format=custom --file={folder / DUMP} {_address(database)}"


def load_command(database: Database, folder: Path) -> str:
    """How an administrator of PostgreSQL puts the copy back."""
    options = "--clean --if-exists --exit-on-error --single-transaction"
    return f"pg_restore {options} --dbname={_address(database)} {folder / DUMP}"


def _address(database: Database) -> str:
    url = database.url.set(drivername="postgresql", password=None)
    return f"'{url.render_as_string()}'"


def restore(target: Path, backup: Path, data_dir: Path) -> dict[str, Any]:
    """Put a backup in the place of a SQLite database, which is kept aside; answers where, and what was handed back.

    The caller has the data dir alone. Raises ConfigurationError, and changes nothing, for a backup that is damaged, newer than
    this code or another lake's; an older one is migrated.
    """
    source = backup / COPY if backup.is_dir() else backup
    aside = target.with_name(f".{target.name}.restoring")
    _remove(aside)
    try:
        _take(source, backup, aside)
        database = Database(f"sqlite:///{aside}")
        try:
            facts = revive(database, data_dir)
        finally:
            database.close()
        _settle(aside)
        sync(aside)
        kept = _exchange(target, aside)
    finally:
        _remove(aside)
    return {"from": str(source), "kept": str(kept) if kept else None, **facts}


def revive(database: Database, data_dir: Path) -> dict[str, Any]:
    """Make a database of the past one that a service may open: migrated, the lake's, and nothing in it seems to be executed."""
    schema = migrate.upgrade(database.engine, copy=False)
    identity.restored(database, data_dir)
    handed_back = database.write(revival.hand_back_all)
    with database.read() as connection:
        return {"schema": schema, "snapshot": lake.newest(connection), "handed_back": handed_back}


def _take(source: Path, backup: Path, aside: Path) -> None:
    """A private copy of the backup, once it is known to be whole."""
    if not source.is_file():
        raise ConfigurationError(f"There is no {source}.", hint="Name a backup's folder, or the copy of a database.")
    manifest = backup / MANIFEST
    said = _said(manifest) if backup.is_dir() and manifest.exists() else None
    if said and copies.digest(source) != said:
        raise ConfigurationError(f"{source} is not as it was written: it is damaged.", hint="Take another backup.")
    try:
        opened = copies.read_only(source)
        try:
            wrong = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
            known = opened.execute("SELECT version_num FROM alembic_version").fetchone()[0] if wrong == "ok" else None
        finally:
            opened.close()
    except sqlite.module().Error as error:
        wrong, known = str(error), None
    if wrong != "ok":
        raise ConfigurationError(f"{source} is damaged: {wrong}.", hint="Take another backup.")
    migrate.refuse_newer(known)
    copies.copy(source, aside)


def _said(manifest: Path) -> str | None:
    """The copy's checksum; None where it was pg_dump's to make."""
    try:
        known = json.loads(manifest.read_bytes())["database"]
        return str(known["sha256"]) if known is not None else None
    except (ValueError, KeyError, TypeError, OSError) as error:
        hint = f"Take another backup, or name the copy itself: {manifest.with_name(COPY)}."
        raise ConfigurationError(f"{manifest} is damaged: {error!r}.", hint=hint) from None


def _exchange(target: Path, aside: Path) -> Path | None:
    """Put the new database in place; the replaced one goes to the backups with its write-ahead log."""
    kept = None
    if target.exists():
        stamp = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
        kept = copies.private_folder(target.parent / copies.FOLDER) / f"{_REPLACED}{stamp}.db"
        _settle(target)
        # A link first: at no moment is there no database, which a start would take for a new data dir.
        os.link(target, kept)
        _move(_beside(target, "-wal"), _beside(kept, "-wal"))
        _beside(target, "-shm").unlink(missing_ok=True)
    aside.replace(target)
    sync(target.parent)
    return kept


def _settle(target: Path) -> None:
    """Bring what is still in the log into the file; a damaged database keeps its log beside it."""
    try:
        opened = sqlite.module().connect(str(target), isolation_level=None)
        try:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            opened.close()
    except sqlite.module().Error:
        return


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _move(source: Path, target: Path) -> None:
    if source.exists():
        source.replace(target)


def _remove(path: Path) -> None:
    for name in (path, _beside(path, "-wal"), _beside(path, "-shm")):
        name.unlink(missing_ok=True)
