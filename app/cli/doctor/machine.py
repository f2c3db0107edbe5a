"""Checks of the machine: Python, SQLite, the data dir and its disk, the clocks, the port."""

import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from app import clock
from app.cli.doctor.finding import Finding, failed, ok, warning
from app.settings import PREFIX, Settings

OLDEST_PYTHON = (3, 11)
LOW_SPACE_BYTES = 2 * 2**30
NO_SPACE_BYTES = 200 * 2**20
CLOCK_DRIFT_SECONDS = 2


def python(_: Settings) -> Iterator[Finding]:
    """The interpreter and the platform."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield failed("python", f"{version}; 3.11 or newer is needed")
    elif sys.platform != "linux":
        yield warning("python", f"{version} on {sys.platform}: only Linux ends every orphaned process at once")
    else:
        yield ok("python", f"{version} on {platform.system()} {platform.machine()}")


def sqlite(settings: Settings) -> Iterator[Finding]:
    """The SQLite library that the service would use."""
    from app.store import sqlite as library

    if not settings.url.startswith("sqlite"):
        return
    module = library.module()
    found = f"{module.sqlite_version} ({module.__name__})"
    if module.sqlite_version_info < library.SAFE:
        safe = ".".join(map(str, library.SAFE))
        yield warning(
            "sqlite", f"{found}; before {safe} a commit may be lost (WAL reset)", "Install pysqlite3, or use PostgreSQL."
        )
    else:
        yield ok("sqlite", found)


def data_dir(settings: Settings) -> Iterator[Finding]:
    """Whether the data dir can be written, synced and linked in, and how much room there is."""
    folder = settings.data_dir
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".openbell-doctor-") as scratch:
            _write_and_link(Path(scratch))
    except OSError as error:
        yield failed("data dir", f"{folder}: {error}", f"Give this user a writable {PREFIX}DATA_DIR.")
        return
    free = shutil.disk_usage(existing).free
    text = f"{folder} is writable, {free / 2**30:.1f} GiB free"
    if free < LOW_SPACE_BYTES:
        yield (failed if free < NO_SPACE_BYTES else warning)("data dir", text, "Make room: runs fail with disk_full.")
    else:
        yield ok("data dir", text)


def clocks(_: Settings) -> Iterator[Finding]:
    """Whether this clock agrees with the disk's, and the time zone of the market is known."""
    market = clock.now().astimezone(ZoneInfo("Asia/Shanghai"))
    with tempfile.NamedTemporaryFile() as file:
        drift = abs(time.time() - os.fstat(file.fileno()).st_mtime)
    if drift > CLOCK_DRIFT_SECONDS:
        yield warning("clock", f"the disk's clock is {drift:.0f} s away from this one", "Synchronise the clocks (NTP).")
    elif clock.offset():
        yield warning("clock", f"moved by {clock.offset()} through {PREFIX}CLOCK_FILE")
    else:
        yield ok("clock", f"{market:%Y-%m-%d %H:%M} in Shanghai")


def port(settings: Settings) -> Iterator[Finding]:
    """Whether the service could listen, or does."""
    where = f"{settings.host}:{settings.port}"
    if "api" not in settings.roles or settings.port == 0:
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        # As the service does: an address in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            pid = _service_pid(settings)
            if pid is not None:
                yield ok("port", f"{where} is the running service's (process {pid})")
            else:
                yield failed("port", f"{where}: {error.strerror}", f"Stop what listens there, or choose another {PREFIX}PORT.")
            return
    yield ok("port", f"{where} is free")


def _write_and_link(folder: Path) -> None:
    file = folder / "file"
    with file.open("wb") as opened:
        opened.write(b"openbell")
        opened.flush()
        os.fsync(opened.fileno())
    os.link(file, folder / "link")
    (folder / "symlink").symlink_to(file.name)


def _service_pid(settings: Settings) -> int | None:
    try:
        pid = int(json.loads((settings.data_dir / "service.json").read_text())["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid
