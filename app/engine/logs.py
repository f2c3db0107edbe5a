"""A run's log is a file of JSON lines: appended by its supervisor, bounded, named in the database."""

import errno
import json
import os
from pathlib import Path
from typing import IO, Any

import structlog

from app import clock
from app.store.logs import LogFacts

_log = structlog.get_logger("openbell.logs")
LIMIT_BYTES = 32 * 2**20
"""Beyond this an attempt's log is cut, with a mark: a flood must not fill the disk."""

_LINE_BYTES = 64 * 1024


class RunLog:
    """One attempt's log file, `logs/<yyyy-mm>/<run>.<attempt>.jsonl` in the data dir; made with its first line."""

    def __init__(self, data_dir: Path, run_id: str, attempt: int) -> None:
        self.path = Path("logs") / clock.now().strftime("%Y-%m") / f"{run_id}.{attempt}.jsonl"
        self._target = data_dir / self.path
        self._file: IO[bytes] | None = None
        self.bytes = 0
        self.lines = 0
        self.cut = False

    @property
    def facts(self) -> LogFacts | None:
        """What the database is told; nothing while there is no line."""
        return LogFacts(str(self.path), self.bytes, self.lines, self.cut) if self.lines else None

    def append(self, lines: list[dict[str, Any]]) -> None:
        """Write lines, all at once; nothing more once the log is cut."""
        if self.cut or not lines:
            return
        data = b"".join(map(_encoded, lines))
        if self.bytes + len(data) > LIMIT_BYTES:
            self.cut = True
            lines = [_line("warning", f"The log is cut here: it reached {LIMIT_BYTES // 2**20} MiB.")]
            data = _encoded(lines[0])
        try:
            self._write(data)
        except OSError as error:
            # A run ends as what it did, not as what could be said of it: a full disk must not take its ending along.
            self.cut = True
            _log.error("the run's log is cut", file=str(self._target), error=str(error))
            return
        self.bytes += len(data)
        self.lines += len(lines)

    def _write(self, data: bytes) -> None:
        """All of it, or nothing. Raises OSError."""
        if self._file is None:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._target.open("ab", buffering=0)
        try:
            if self._file.write(data) == len(data):
                return
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._file.truncate(self.bytes)
            raise

    def say(self, level: str, message: str, node: str | None = None) -> None:
        """A line of the supervisor's own."""
        self.append([_line(level, message, node)])

    def output(self, lines: list[str]) -> None:
        """What the run's process printed."""
        if not self.cut:
            self.append([_line("output", line) for line in lines])

    def close(self) -> None:
        """No more lines."""
        if self._file is not None:
            self._file.close()


def _line(level: str, message: str, node: str | None = None) -> dict[str, Any]:
    return {"at": clock.iso(clock.now()), "level": level, "node": node, "attempt": None, "message": message, "fields": {}}


def _encoded(line: dict[str, Any]) -> bytes:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
    data = text.encode("utf-8", "replace")
    if len(data) > _LINE_BYTES:
        line = {**line, "message": str(line["message"])[: _LINE_BYTES // 4] + " [line cut]", "fields": {}}
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return data + b"\n"
