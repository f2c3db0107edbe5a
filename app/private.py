"""Files for their owner's eyes only."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

_LEFT_SECONDS = 60


def write_first(path: Path, text: str) -> str:
    """Write the file, whole, unless there is one that says something; answers what it says then, without the space around."""
    if path.exists() and not path.read_text().strip():
        path.unlink(missing_ok=True)  # what a full disk leaves
    with contextlib.suppress(FileExistsError):
        _write(path, text, os.link)
    return path.read_text().strip()


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    _write(path, text, os.replace)


def _write(path: Path, text: str, put: Callable[[Path, Path], None]) -> None:
    _sweep(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        put(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Take away what a process left that was killed while it wrote; nobody writes for as long as that."""
    for left in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
                left.unlink()
