"""A real service in a process of its own, as `openbell serve` starts it, and a client that holds its admin key."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from app.settings import PREFIX

OPENBELL = Path(sys.executable).with_name("openbell")
SMALL_MARKET = {"simulated_symbols": 20, "simulated_years": 1}
READY_SECONDS = 60
STOP_SECONDS = 30


class RunningService:
    """One service and its folder; it can be stopped or killed, and started again on the same data."""

    def __init__(self, folder: Path, command: Sequence[str | Path] = (OPENBELL, "serve"), **settings: Any) -> None:
        self.folder = folder
        self.command = list(command)
        self.data_dir = folder / "var"
        self.log = folder / "service.log"
        clock = os.environ.get(f"{PREFIX}CLOCK_FILE", "")
        # At what hour a test runs must not decide what runs beside it.
        given = {"data_dir": self.data_dir, "port": 0, "clock_file": clock, "rhythm": "paused", **settings}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self.environment |= {PREFIX + name.upper(): str(value) for name, value in given.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx2.Client()

    def start(self, *, ready: bool = True) -> "RunningService":
        """Start it and wait until it answers; with `ready` until it can do its work."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._until(self._announced, "it did not write its service.json")
        key_file = self.data_dir / "admin.key"
        key = self.environment.get(f"{PREFIX}ADMIN_KEY") or key_file.read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        self.http.close()
        self.http = httpx2.Client(base_url=self.address, headers=headers, timeout=90, trust_env=False)
        path = "/readyz" if ready else "/healthz"
        self._until(lambda: self._answers(path), f"{path} did not answer 200")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> str:
        address: str = json.loads((self.data_dir / "service.json").read_text())["address"]
        return address

    def tree(self) -> list[psutil.Process]:
        """The service and every process below it."""
        service = psutil.Process(self.pid)
        return [service, *service.children(recursive=True)]

    def stop(self) -> int:
        """End it in order; its exit code. Fails if it left a process behind."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it as a power cut would."""
        return self._end(signal.SIGKILL)

    def ended(self) -> int:
        """Its exit code once a signal that was sent to it has ended it."""
        return self._end(None)

    def _end(self, number: signal.Signals | None) -> int:
        assert self._process is not None
        try:
            below = self.tree()[1:]
        except psutil.NoSuchProcess:
            below = []
        if number is not None:
            self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS)
        self._process = None
        self.http.close()
        _, left = psutil.wait_procs(below, timeout=5)
        for process in left:
            process.kill()
        assert not left, f"these outlived the service: {left}\n{self._log_tail()}"
        return code

    def end_if_running(self) -> None:
        """For the end of the tests: whatever state it is in."""
        if self._process is not None:
            self.stop()

    def _announced(self) -> bool:
        try:
            return bool(json.loads((self.data_dir / "service.json").read_text())["pid"] == self.pid)
        except (FileNotFoundError, ValueError):
            return False

    def _answers(self, path: str) -> bool:
        try:
            return self.http.get(path).status_code == 200
        except httpx2.TransportError:
            return False

    def _until(self, fact: Callable[[], bool], otherwise: str) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS
        while not fact():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = f"it ended with {self._process.returncode}" if ended else otherwise
                self.kill()
                raise AssertionError(f"the service did not start: {what}\n{self._log_tail()}")
            time.sleep(0.01)

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@pytest.fixture(scope="session")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningService]]:
    """`start_service(**settings)`: a new service on a free port with a data dir of its own; ended after the tests."""
    started: list[RunningService] = []

    def start(*, folder: Path | None = None, ready: bool = True, **settings: Any) -> RunningService:
        service = RunningService(folder or tmp_path_factory.mktemp("service"), **{**SMALL_MARKET, **settings})
        started.append(service)
        return service.start(ready=ready)

    yield start
    for service in started:
        service.end_if_running()


@pytest.fixture(scope="session")
def service(start_service: Callable[..., RunningService]) -> RunningService:
    """One service with a small simulated market, shared by every test that leaves it as it was."""
    return start_service()
