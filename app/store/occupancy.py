"""Who uses a data dir: services share it, a restore has it alone; on SQLite some roles have one process each.

The kernel lets go with the process, however it ends.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.errors import ConfigurationError
from app.store.copies import private_folder

_FILE = "service.lock"
ADDRESS_FILE = "service.json"
_ALONE = ("api", "scheduler")
"""Roles of which a SQLite database has one process: two APIs would tell the command line, and each other's clients, two tales."""


@contextmanager
def shared(data_dir: Path) -> Iterator[None]:
    """Be one of the services of this data dir. Raises ConfigurationError while a restore has it."""
    sentence = f"A restore of {data_dir} is under way."
    with _held(data_dir, fcntl.LOCK_SH, lambda: sentence, "Start again when it has ended."):
        yield


@contextmanager
def roles(data_dir: Path, names: Collection[str]) -> Iterator[None]:
    """Be the one process on a SQLite database with those of the roles of which it has one. Raises ConfigurationError."""
    with ExitStack() as held:
        for name in _ALONE:
            if name in names:
                held.enter_context(_the_one(data_dir, name))
        yield


@contextmanager
def _the_one(data_dir: Path, role: str) -> Iterator[None]:
    path = data_dir / f"{role}.lock"
    sentence = f"Another process serves {data_dir} with the role {role!r}"
    hint = "Use that one, or stop it; or name another data dir in OPENBELL_DATA_DIR. Several need PostgreSQL."
    with _held(data_dir, fcntl.LOCK_EX, lambda: f"{sentence}{_whose(path, data_dir)}.", hint, path.name) as descriptor:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield


def _whose(lock: Path, data_dir: Path) -> str:
    """Who holds it, as far as that can be read: it may be about to begin, or to end."""
    try:
        pid = int(lock.read_text())
    except (OSError, ValueError):
        return ""
    try:
        said = json.loads((data_dir / ADDRESS_FILE).read_text())
        return f": process {pid}, {said['address']}" if said["pid"] == pid else f": process {pid}"
    except (OSError, ValueError, KeyError, TypeError):
        return f": process {pid}"


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Have the data dir alone. Raises ConfigurationError while a service runs on it."""
    sentence = f"A service runs on {data_dir}."
    with _held(data_dir, fcntl.LOCK_EX, lambda: sentence, f"Stop it first; `{ADDRESS_FILE}` there names its process."):
        yield


@contextmanager
def _held(data_dir: Path, how: int, sentence: Callable[[], str], hint: str, name: str = _FILE) -> Iterator[int]:
    private_folder(data_dir)
    try:
        descriptor = os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{data_dir / name} cannot be opened: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(sentence(), hint=hint) from None
        yield descriptor
    finally:
        os.close(descriptor)
