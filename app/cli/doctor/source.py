"""Checks of where market data comes from, as far as that can be seen without a vendor's quota."""

import glob
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from app.cli.doctor.finding import Finding, failed, ok
from app.settings import PREFIX, Settings

SUFFIXES = (".parquet", ".csv")
CONNECT_SECONDS = 5


def readable(settings: Settings) -> Iterator[Finding]:
    """Whether the configured source can be reached."""
    if settings.source == "files":
        yield _files(settings.files_path)
    elif settings.source == "rqdatac":
        yield _rqdatac(settings)
    else:
        yield ok("source", f"simulated: {settings.simulated_symbols} symbols, {settings.simulated_years:g} years")


def _files(pattern: str) -> Finding:
    path = Path(pattern).expanduser()
    # Path.glob takes no absolute pattern.
    names = path.rglob("*") if path.is_dir() else map(Path, glob.iglob(str(path), recursive=True))  # noqa: PTH207  (absolute)
    files = [path] if path.is_file() else [name for name in names if name.suffix.lower() in SUFFIXES and name.is_file()]
    if not files:
        return failed(
            "source", f"files: no Parquet or CSV file at {pattern}", f"Set {PREFIX}FILES_PATH to a file, folder or glob."
        )
    for file in files:
        try:
            with file.open("rb") as opened:
                opened.read(1)
        except OSError as error:
            return failed("source", f"files: {file}: {error.strerror}", "Let the service's user read it.")
    return ok("source", f"files: {len(files)} at {pattern}")


def _rqdatac(settings: Settings) -> Finding:
    if settings.rqdatac_uri is None:
        return failed("source", "rqdatac: no address", f"Set {PREFIX}RQDATAC_URI to tcp://user:password@host:port.")
    parts = urlsplit(settings.rqdatac_uri.get_secret_value())
    where = f"{parts.hostname}:{parts.port}"
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), CONNECT_SECONDS).close()
    except OSError as error:
        return failed("source", f"rqdatac: {where} cannot be reached ({error})", "Check the address and the network.")
    return ok("source", f"rqdatac: {where} answers")
