"""Files that triggers wait for: each once for each content, when nobody writes it any more."""

import glob
import hashlib
import stat
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import structlog

from app import clock
from app.store import lookouts, triggers
from app.store.acceptance import Cause
from app.store.database import Database
from app.store.definitions import Definition

_log = structlog.get_logger("openbell.lookout")
_EVERY = timedelta(seconds=5)
_STEADY_SECONDS = 1.0
"""A file that keeps its size and time for this long, and while it is read, is whole."""

_MOST = 10_000
"""Files of one pattern that are looked at: more is a pattern that its author did not mean."""


class _Face(NamedTuple):
    """What tells that a file was written: cheap to ask."""

    path: str
    bytes: int
    changed_ns: int


class FilesAhead:
    """Remembers which files it has seen whole; after a restart the ledger tells what has fired."""

    def __init__(self, database: Database, stopping: threading.Event) -> None:
        self._database = database
        self._stopping = stopping
        self._seen: dict[str, set[_Face]] = {}

    def look(self, trigger: Definition) -> datetime:
        """Fire for every whole new file of the trigger's pattern; answers when to look again."""
        pattern = trigger.document["when"]["file"]["glob"]
        seen = self._seen.setdefault(trigger.name, set())
        with self._database.read() as connection:
            since = lookouts.waits_since(connection, trigger)
        new = [face for face in self._faces(pattern) if face not in seen and _changed_at(face) >= since]
        if new and not self._stopping.wait(_STEADY_SECONDS):
            for face in sorted(new):
                if (content := _content(face)) is not None:
                    self._fire(trigger, face, content)
                    seen.add(face)
        return clock.now() + _EVERY

    @staticmethod
    def _faces(pattern: str) -> list[_Face]:
        found = list(islice(glob.iglob(pattern, recursive=True), _MOST + 1))  # noqa: PTH207 - Path.glob wants a folder first
        if len(found) > _MOST:
            _log.warning("a pattern matches too many files; the first ones count", glob=pattern, most=_MOST)
        return [face for path in found[:_MOST] if (face := _face(path)) is not None]

    def _fire(self, trigger: Definition, face: _Face, content: str) -> None:
        payload = {"path": face.path, "name": Path(face.path).name, "bytes": face.bytes, "sha256": content}
        key = f"{face.path} {content}"
        cause = Cause("event", trigger.name)
        fire = partial(triggers.seen, trigger=trigger, key=key, at=clock.now(), payload=payload, cause=cause)
        firing = self._database.write(fire)
        _log.info("file seen", trigger=trigger.name, path=face.path, outcome=firing.outcome, run=firing.run_id)


def _changed_at(face: _Face) -> datetime:
    """When it came here, or was written: a copy may keep an old time of writing, but not this one."""
    return datetime.fromtimestamp(face.changed_ns / 1e9, UTC)


def _face(path: str) -> _Face | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return _Face(path, found.st_size, found.st_ctime_ns) if stat.S_ISREG(found.st_mode) else None


def _content(face: _Face) -> str | None:
    """The hash of what it holds; None while it is written, or when it cannot be read."""
    try:
        if _face(face.path) != face:
            return None
        with Path(face.path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        _log.warning("a file cannot be read", path=face.path, error=str(error))
        return None
    return digest if _face(face.path) == face else None
