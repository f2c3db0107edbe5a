"""A run's log, read from its files: whole, as a list, or as it grows."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import Request

from app.api.schemas.runs import LogsQuery
from app.api.streams import Pulse, goes_on
from app.api.waiting import Watch
from app.manager import PipelineManager, log_topic

Place = tuple[int, int]
"""An attempt of the run, and a byte of its log."""

BEGINNING: Place = (0, 0)
_CHUNK = 256 * 1024
"""Bytes read at once; longer than any line."""


class LogFile:
    """One attempt's log."""

    def __init__(self, attempt: int, path: Path) -> None:
        self.attempt = attempt
        self._path = path

    def lines(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        """Up to `limit` whole lines from that byte on, each with the byte behind it."""
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                data = file.read(_CHUNK)
        except FileNotFoundError:  # retention took it, or it is on a disk that is not here
            return []
        found = []
        for line in data.splitlines(keepends=True)[:limit]:
            if not line.endswith(b"\n"):
                break  # it is being written
            offset += len(line)
            found.append((offset, line))
        return found


def files(manager: PipelineManager, run_id: str, attempt: int | None) -> tuple[bool, list[LogFile]]:
    """Whether the run has ended, and its log files, first attempt first. Raises NotFound."""
    ended, rows = manager.run_logs(run_id)
    folder = manager.settings.data_dir
    found = [LogFile(row["attempt"], _inside(folder, row["path"])) for row in rows if attempt in (None, row["attempt"])]
    return ended, found


def _inside(folder: Path, path: str) -> Path:
    """The path in the data dir. What is in the database may have come from a backup of somebody else's."""
    logs = (folder / "logs").resolve()
    target = (folder / path).resolve()
    if not target.is_relative_to(logs):
        raise ValueError(f"the log {path!r} is not in {logs}")
    return target


def text(found: list[LogFile]) -> Iterator[bytes]:
    """The log as people read it."""
    for file in found:
        offset = 0
        while lines := file.lines(offset, 1000):
            offset = lines[-1][0]
            yield "".join(_plain(_parsed(line)) for _, line in lines).encode("utf-8", "replace")


def _plain(line: dict[str, Any]) -> str:
    where = f" {line['node']}" if line["node"] else ""
    fields = "".join(f" {name}={value}" for name, value in line["fields"].items())
    return f"{line['at']} {line['level']:<7}{where} {line['message']}{fields}\n"


def page(found: list[LogFile], after: Place, limit: int) -> list[tuple[str, dict[str, Any]]]:
    """Up to `limit` lines behind that place (attempt, byte), each with the place behind it."""
    lines: list[tuple[str, dict[str, Any]]] = []
    for file in found:
        if file.attempt < after[0]:
            continue
        offset = after[1] if file.attempt == after[0] else 0
        while len(lines) < limit and (more := file.lines(offset, limit - len(lines))):
            offset = more[-1][0]
            lines.extend((f"{file.attempt}:{end}", shown(file.attempt, _parsed(line))) for end, line in more)
    return lines


def _parsed(line: bytes) -> dict[str, Any]:
    """A line; a power cut may have left half of one, which is shown as it is."""
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        found = {"at": "", "level": "damaged", "node": None, "message": line.decode("utf-8", "replace").rstrip(), "fields": {}}
    return found


def shown(attempt: int, line: dict[str, Any]) -> dict[str, Any]:
    """A line as the API shows it: `attempt` is the run's, `step_attempt` the step's."""
    return {**line, "attempt": attempt, "step_attempt": line.get("attempt")}


async def follow(watch: Watch, request: Request, run_id: str, asked: LogsQuery, after: Place) -> AsyncIterator[bytes]:
    """Lines as they come, until the run has ended and all are sent."""
    yield format_sse_event(retry=1000, comment=run_id)
    pulse = Pulse()
    with watch.manager.database.changes.async_flag(log_topic(run_id)) as changed:
        while await goes_on(watch, request):
            changed.clear()
            ended, lines = await watch.look(_more, watch.manager, run_id, asked, after)
            for place, line in lines:
                pulse.sent()
                yield format_sse_event(data_str=json.dumps(line, ensure_ascii=False), event="line", id=place)
            if lines:
                after = place_of(lines[-1][0])
            elif ended:
                yield format_sse_event(data_str="{}", event="end")
                return
            elif await pulse.wait(changed):
                pulse.sent()
                yield KEEPALIVE_COMMENT


def _more(manager: PipelineManager, run_id: str, asked: LogsQuery, after: Place) -> tuple[bool, list[tuple[str, dict[str, Any]]]]:
    ended, found = files(manager, run_id, asked.attempt)
    return ended, page(found, after, asked.limit)


def place_of(text: str) -> Place:
    """The attempt and the byte of a place. Raises ValueError."""
    attempt, _, offset = text.partition(":")
    if not (attempt.isascii() and attempt.isdigit() and offset.isascii() and offset.isdigit() and len(text) < 40):
        raise ValueError(text)
    return int(attempt), int(offset)
