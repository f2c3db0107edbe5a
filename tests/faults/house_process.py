"""An engine in a process of its own, which a test may stop, continue and kill."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from app.store import sqlite
from tests.engine.conftest import House

_OPEN = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
_ROOT = Path(__file__).parents[2]


class HouseProcess:
    """A worker process; `worker` is its worker's id."""

    def __init__(self, url: str, folder: Path, **settings: Any) -> None:
        self.url = url
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.faults.house_process", url, str(folder), json.dumps(settings)],
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        while not (line := self._process.stdout.readline()).startswith("worker "):
            assert line, "the worker ended before it was ready"
        self.worker = line.split()[1]

    def stand_still(self) -> None:
        """Stop the process as the kernel or a hypervisor does: it runs no instruction until it goes on.

        Not in the middle of a transaction: then others would stand still with it, and nothing could be seen.
        """
        os.kill(self.pid, signal.SIGSTOP)
        while self._is_in_a_transaction():
            self.go_on()
            os.kill(self.pid, signal.SIGSTOP)

    def _is_in_a_transaction(self) -> bool:
        if not self.url.startswith("sqlite"):
            with psycopg.connect(self.url) as session:
                return bool(session.execute(_OPEN).fetchall())
        connection = sqlite.module().connect(make_url(self.url).database, timeout=0.5)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite.module().OperationalError:
            return True
        finally:
            connection.close()
        return False

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Whatever state it is in."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def main(url: str, folder: str, settings: str) -> None:
    house = House(url, Path(folder), **json.loads(settings)).start()
    assert house.engine.worker is not None
    print(f"worker {house.engine.worker.id}", flush=True)  # noqa: T201 - what the test waits for
    sys.stdin.readline()
    house.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
