"""Who uses a data dir: any number of services share it, a restore has it alone. The kernel lets go with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import ConfigurationError
from app.store.copies import private_folder

_FILE = "service.lock"


@contextmanager
def shared(data_dir: Path) -> Iterator[None]:
    """Be one of the services of this data dir. Raises ConfigurationError while a restore has it."""
    sentence = f"A restore of {data_dir} is under way."
    with _held(data_dir, fcntl.LOCK_SH, sentence, "Start again when it has ended."):
        yield


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Have the data dir alone. Raises ConfigurationError while a service runs on it."""
    with _held(
        data_dir, fcntl.LOCK_EX, f"A service runs on {data_dir}.", "Stop it first; `service.json` there names its process."
    ):
        yield


@contextmanager
def _held(data_dir: Path, how: int, sentence: str, hint: str) -> Iterator[None]:
    private_folder(data_dir)
    descriptor = os.open(data_dir / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(sentence, hint=hint) from None
        yield
    finally:
        os.close(descriptor)
