"""An engine in a process of its own, which a test may stop, continue and kill."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.engine.conftest import House

_ROOT = Path(__file__).parents[2]


class HouseProcess:
    """A worker process; `worker` is its worker's id."""

    def __init__(self, url: str, folder: Path, **settings: Any) -> None:
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
        """Stop the process as the kernel or a hypervisor does: it runs no instruction until it goes on."""
        os.kill(self.pid, signal.SIGSTOP)

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
