"""Copies of a SQLite database: consistent while others write, whole or not there, for their owner's eyes only."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app import clock
from app.durable import sync
from app.errors import ConfigurationError
from app.store import sqlite

FOLDER = "backups"
"""Beside the database file."""

_KEPT = 2
_BEFORE = "before-schema-"


def copy(source: Path, target: Path) -> None:
    """Copy the database as it was last committed. Raises ConfigurationError, and leaves nothing, when that is not possible."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    os.close(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        opened = read_only(source)
        try:
            opened.execute("VACUUM INTO ?", (str(aside),))
        finally:
            opened.close()
        sync(aside)
        aside.replace(target)
        sync(target.parent)
    except sqlite.module().Error as error:
        raise ConfigurationError(f"{source} could not be copied to {target.parent}: {error}.", hint=_hint(error)) from error
    finally:
        aside.unlink(missing_ok=True)


def _hint(error: BaseException) -> str:
    if sqlite.is_full(error):
        return "Make room on that disk."
    return sqlite.WHEN_DAMAGED if sqlite.is_damaged(error) else "The message is SQLite's own."


def before_migration(source: Path, schema: str) -> Path:
    """Copy a database aside before it gets that schema, and forget all such copies but the newest two.

    The caller keeps others from migrating it meanwhile.
    """
    folder = private_folder(source.parent / FOLDER)
    stamp = clock.now().strftime("%Y%m%dT%H%M%S%f")
    target = folder / f"{_BEFORE}{schema}-{stamp}.db"
    for interrupted in folder.glob(f".{_BEFORE}*"):
        interrupted.unlink(missing_ok=True)
    copy(source, target)
    for old in sorted(folder.glob(f"{_BEFORE}*.db"), key=lambda path: path.stem.rsplit("-", 1)[1])[:-_KEPT]:
        old.unlink(missing_ok=True)
    return target


def read_only(path: Path) -> Any:
    """A driver's connection that changes nothing, not even the file's journal mode."""
    return sqlite.module().connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=30, isolation_level=None)


def private_folder(path: Path) -> Path:
    """The folder, made for its owner's eyes only if it was not there. Raises ConfigurationError when that is not possible."""
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        what = "is no folder" if isinstance(error, FileExistsError) else f"cannot be made: {error.strerror}"
        raise ConfigurationError(f"The folder {path} {what}.", hint="Name a folder that this user may write to.") from None
    return path


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
