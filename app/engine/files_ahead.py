"""Files that triggers wait for: each once for each content, when nobody writes it any more."""

import glob
import hashlib
import heapq
import os
import stat
import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePath
from typing import NamedTuple

import structlog

from app import clock
from app.errors import OpenbellError
from app.store import firing, firings, lookouts, triggers
from app.store.acceptance import Cause
from app.store.database import Database
from app.store.definitions import Definition

_log = structlog.get_logger("openbell.lookout")
_EVERY = timedelta(seconds=5)
_STEADY_SECONDS = 1.0
"""A file that keeps its size and time for this long, and while it is read, is whole."""

_AT_ONCE = 1000
"""New files that one look takes on, the newest; the others have the next one. Other triggers wait for a look to end."""

_REST = 9
"""It looks again after this many times as long as the look through the folders took: however many files there are."""

_KEY_BYTES = 500
"""A longer key of the ledger is hashed: an index holds no more than 2.7 KB."""


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
        with self._database.read() as connection:
            since = lookouts.waits_since(connection, trigger)
        before = self._seen.get(trigger.name, set())
        begun = time.monotonic()
        faces = self._faces(trigger.document["when"]["file"]["glob"], since)
        pause = max(_EVERY, timedelta(seconds=_REST * (time.monotonic() - begun)))
        seen = self._seen[trigger.name] = before & faces
        new = heapq.nlargest(_AT_ONCE, faces - seen, key=lambda face: face.changed_ns)
        if new and not self._stopping.wait(_STEADY_SECONDS):
            for face in sorted(new):
                if self._stopping.is_set():
                    break
                if self._is_done(trigger, face):
                    seen.add(face)
        return clock.now() + (pause if len(new) < _AT_ONCE else timedelta(0))

    def forget(self, names: Collection[str]) -> None:
        """Forget the files of all other triggers than these."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}

    def _faces(self, pattern: str, since: datetime) -> set[_Face]:
        """The files that came here, or were written, since then."""
        found = set()
        for path in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - Path.glob wants a folder first
            if self._stopping.is_set():
                break
            face = _face(path)
            if face is not None and _changed_at(face) >= since:
                found.add(face)
        return found

    def _is_done(self, trigger: Definition, face: _Face) -> bool:
        """Fire for the file if it is whole; false if it has to be looked at again as it is."""
        try:
            content = _content(face)
        except OSError as error:
            _log.warning("a file cannot be read", path=_text(face.path), error=str(error.strerror))
            # Who may read it then changes its face.
            return isinstance(error, PermissionError)
        if content is not None:
            self._fire(trigger, face, content)
        return content is not None

    def _fire(self, trigger: Definition, face: _Face, content: str) -> None:
        path = _text(face.path)
        payload = {"path": path, "name": PurePath(path).name, "bytes": face.bytes, "sha256": content}
        key, at = _key(path, content), clock.now()
        cause = Cause("event", trigger.name)
        fire = partial(triggers.seen, trigger=trigger, key=key, at=at, payload=payload, cause=cause)
        try:
            fired = self._database.write(fire)
        except OpenbellError:
            raise
        except Exception as error:
            # Whatever is wrong with this one: those behind it are not to wait for it.
            _log.error("a file cannot fire", trigger=trigger.name, path=path, error=repr(error), exc_info=True)
            fired = firings.changed(firing.of(trigger, key, at), "failed", "refused", f"{path[:300]}: {error!r}"[:1000])
            self._database.write(partial(firings.note, found=[fired]))
        _log.info("file seen", trigger=trigger.name, path=path, outcome=fired.outcome, run=fired.run_id)


def _changed_at(face: _Face) -> datetime:
    """When it came here, or was written: a copy may keep an old time of writing, but not this one."""
    return datetime.fromtimestamp(face.changed_ns / 1e9, UTC)


def _face(path: str) -> _Face | None:
    try:
        return _face_of(path, os.stat(path))  # noqa: PTH116 - a Path would be made for each of very many
    except OSError:
        return None


def _face_of(path: str, found: os.stat_result) -> _Face | None:
    return _Face(path, found.st_size, found.st_ctime_ns) if stat.S_ISREG(found.st_mode) else None


def _content(face: _Face) -> str | None:
    """The hash of what it holds; None while it is written, or is no file any more. Raises OSError when it cannot be read."""
    if _face(face.path) != face:
        return None
    # What took its place meanwhile may be a pipe, which nobody writes to.
    with open(os.open(face.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - of a descriptor
        if _face_of(face.path, os.fstat(file.fileno())) != face:
            return None
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest if _face(face.path) == face else None


def _text(path: str) -> str:
    """The name as text that every store can hold: bytes that are not UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _key(path: str, content: str) -> str:
    """The ledger's, of a path and what is there."""
    key = f"{path} {content}"
    return key if len(key.encode()) <= _KEY_BYTES else hashlib.sha256(key.encode()).hexdigest()
