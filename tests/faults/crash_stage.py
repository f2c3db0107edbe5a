"""A driver process that is killed at its own crash points, and started again on the same data."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

from app.store.database import Database

ROOT = Path(__file__).parents[2]
Role = Literal["service", "child"]
Side = Literal["before", "after"]
_tokens = count(1)


class Crashed(Exception):
    """The process that was asked killed itself by its plan."""


class Plan:
    """One crash that is to come, for the processes of one role that belong to a folder."""

    def __init__(self, folder: Path, role: Role, number: int = 0, side: Side = "before") -> None:
        """Crash at that point; number 0 only counts."""
        self.role, self.number, self.side = role, number, side
        self.crashed = False
        self._file = folder / f"crash.{role}"
        self._token = str(next(_tokens))

    @contextmanager
    def armed(self) -> Iterator["Plan"]:
        """While the block runs. Afterwards `crashed` says whether the point was reached."""
        aside = self._file.with_suffix(f".{self.role}.aside")
        aside.write_text(f"{self._token} {self.number} {self.side}")
        aside.replace(self._file)
        yield self
        try:
            self._file.unlink()
        except FileNotFoundError:
            self.crashed = True

    @property
    def hits(self) -> list[tuple[int, int, str]]:
        """What was reached: its number, when (nanoseconds of the machine's own clock), what."""
        hits = Path(f"{self._file}.hits")
        lines = [line.split(" ", 3) for line in hits.read_text().splitlines()] if hits.exists() else []
        return [(int(number), int(at), what) for token, number, at, what in lines if token == self._token]

    @property
    def points(self) -> dict[int, str]:
        """What was reached, by number."""
        return {number: what for number, _, what in self.hits}

    def __str__(self) -> str:
        return f"a crash of the {self.role} {self.side} point {self.number} ({self.points.get(self.number, 'never reached')})"


class Stage:
    """One data dir and database with a driver over them."""

    def __init__(self, url: str, folder: Path, under: Sequence[str] = ()) -> None:
        """`under`: a command that watches the driver."""
        self._under = under
        self.url = url
        self.folder = folder
        self.data_dir = folder / "var"
        self.database = Database(url)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "Stage":
        """Start a driver, or the next one; answers when it can do its work."""
        with (self.folder / "driver.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._under, sys.executable, "-P", "-m", "tests.faults.crash_driver", self.url, str(self.folder)],
                cwd=self.folder,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._read() == "ready"
        return self

    def ask(self, command: str, *arguments: Any) -> Any:
        """The driver's answer. Raises Crashed when it killed itself."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the end of its answers says so too
            self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._end()
        log = (self.folder / "driver.log").read_text(errors="replace")
        assert code == -9, f"the driver ended with {code}\n{log[-4000:]}"
        raise Crashed

    def await_crash(self) -> None:
        """The driver has taken its plan away: it is about to be gone."""
        with contextlib.suppress(Crashed):
            while True:
                self._read()

    def stop(self) -> None:
        """End the driver in order."""
        assert self._end() == 0

    def close(self) -> None:
        """End whatever runs."""
        if self._process is not None:
            self._end()
        self.database.close()

    def _end(self) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        with contextlib.suppress(BrokenPipeError), process:
            pass  # closes its input, and waits
        return process.returncode
