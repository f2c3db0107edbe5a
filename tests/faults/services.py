"""Real services of one installation, each a process of its own, that may be killed at any moment and are started again."""

import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from app.settings import PREFIX
from app.store.database import Database
from app.store.workers import registered

_READY_SECONDS = 60
_STOP_SECONDS = 30
_LOOK_SECONDS = 0.02


@dataclass
class Service:
    """One `openbell serve`. It keeps its port when it is started again, as a service behind an address does."""

    kind: str
    """What its end is counted as: service, worker or api."""
    folder: Path
    settings: dict[str, Any]
    port: int = field(default_factory=lambda: _free_port())
    process: psutil.Popen | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; does not wait."""
        own = {
            PREFIX + name.upper(): str(value) for name, value in {"rhythm": "paused", **self.settings, "port": self.port}.items()
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        if clock := os.environ.get(f"{PREFIX}CLOCK_FILE"):
            own[f"{PREFIX}CLOCK_FILE"] = clock
        with (self.folder / f"{self.kind}-{self.port}.log").open("ab") as log:
            self.process = psutil.Popen(
                [sys.executable, "-P", "-m", "app", "serve"],
                cwd=self.folder,
                env=inherited | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def has_api(self) -> bool:
        """Whether it answers at its address."""
        return "api" in self.settings["roles"]

    def wait_ready(self, database: Database) -> None:
        """Wait until it can do its work."""
        deadline = time.monotonic() + _READY_SECONDS
        with httpx2.Client(base_url=self.address, timeout=5, trust_env=False) as http:
            while not (_answers(http, "/readyz") if self.has_api else self._is_registered(database)):
                assert self.process is not None
                assert self.process.poll() is None, f"a service ended with {self.process.returncode}; see {self.folder}"
                assert time.monotonic() < deadline, f"a service was not ready after {_READY_SECONDS} s; see {self.folder}"
                time.sleep(_LOOK_SECONDS)

    def _is_registered(self, database: Database) -> bool:
        assert self.process is not None
        with database.read() as connection:
            return any(row["pid"] == self.process.pid and row["catalogue"] for row in registered(connection))

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """End it in order; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code: int = self.process.wait(_STOP_SECONDS)
        self.process = None
        return code

    def forkserver(self) -> psutil.Process | None:
        """The process that forks its run processes, if there is one."""
        try:
            below = self.process.children() if self.process else []
            return next((one for one in below if "app.runner.forkserver" in " ".join(one.cmdline())), None)
        except psutil.NoSuchProcess:
            return None


@dataclass
class House:
    """The services that share one database and one data dir."""

    folder: Path
    database: Database
    services: list[Service]
    key: str

    @property
    def data_dir(self) -> Path:
        """Where the lake is."""
        return self.folder / "var"

    def start(self) -> None:
        """Start them all and wait until they can do their work."""
        for service in self.services:
            service.start()
        for service in self.services:
            service.wait_ready(self.database)

    def stop(self) -> dict[str, int]:
        """End them all in order; the exit code of each."""
        return {f"{one.kind}-{one.port}": one.stop() for one in self.services}

    def kill(self) -> None:
        """End what still runs."""
        for one in self.services:
            if one.process is not None:
                one.kill()


def build(folder: Path, database: Database, **settings: Any) -> House:
    """On SQLite one process does everything; on PostgreSQL one has an API, one works, one has both."""
    key = secrets.token_hex(16)
    url = database.url.render_as_string(hide_password=False)
    common = {"data_dir": folder / "var", "database_url": url, "admin_key": key, **settings}
    roles = (
        [("service", "api,worker")] if database.is_sqlite else [("api", "api"), ("worker", "worker"), ("worker", "api,worker")]
    )
    return House(folder, database, [Service(kind, folder, {**common, "roles": own}) for kind, own in roles], key)


def _answers(http: httpx2.Client, path: str) -> bool:
    try:
        return http.get(path).status_code == 200
    except httpx2.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
