"""Counts what a process makes durable, and kills it before or after the one that a plan names.

A plan is a file, `<token> <number> before|after`, which the process looks at whenever it reaches a point: so a process that
has long been running can be told to crash, and one that nobody told so only counts. Beside it, `<plan>.hits` lists the
points that were reached. Whoever crashes by a plan takes it away first: there is one crash a plan.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MOVES = {"replace": 1, "rename": 1, "link": 1, "symlink": 1, "unlink": 0, "fsync": 0, "fdatasync": 0}
"""Which argument of each function of `os` says what becomes durable."""
_unlink = os.unlink


class Points:
    """The points of one process, numbered from the moment at which its plan was made."""

    def __init__(self, plan: Path) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._token = ""
        self._count = 0

    @contextmanager
    def passing(self, what: str) -> Iterator[None]:
        """Around something that makes a change durable."""
        side = self._reach(what)
        if side == "before":
            self._die()
        try:
            yield
        finally:
            if side == "after":
                self._die()

    def counted(self, name: str, function: Callable[..., Any], named: int) -> Callable[..., Any]:
        """The function, each call of it a point."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            with self.passing(f"{name} {_where(arguments[named])}"):
                return function(*arguments, **keywords)

        return call

    def _reach(self, what: str) -> str | None:
        with self._lock:
            try:
                token, number, side = self._plan.read_text().split()
            except FileNotFoundError:
                return None
            if token != self._token:
                self._token, self._count = token, 0
            self._count += 1
            with Path(f"{self._plan}.hits").open("a") as hits:
                hits.write(f"{token} {self._count} {time.monotonic_ns()} {what}\n")
            return side if self._count == int(number) else None

    def _die(self) -> None:
        try:
            _unlink(self._plan)
        except FileNotFoundError:
            return  # another process of this plan was first
        os.kill(os.getpid(), signal.SIGKILL)


def watch_files(points: Points) -> None:
    """Make every move, link, removal and fsync of this process a point."""
    for name, named in _MOVES.items():
        setattr(os, name, points.counted(name, getattr(os, name), named))


def watch_commits(points: Points) -> None:
    """Make every commit of this process a point, but those of transactions that only read."""
    from sqlalchemy import Engine, event
    from sqlalchemy.engine.default import DefaultDialect

    from app.store.sqlite import READ_ONLY

    commit, current = DefaultDialect.do_commit, threading.local()

    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        current.reading = bool(options.get(READ_ONLY) or options.get("postgresql_readonly"))

    def counted(dialect: Any, connection: Any) -> None:
        if getattr(current, "reading", False):
            commit(dialect, connection)
            return
        with points.passing("commit"):
            commit(dialect, connection)

    event.listen(Engine, "begin", begin)
    DefaultDialect.do_commit = counted  # type: ignore[method-assign]


def _where(argument: Any) -> str:
    return str(Path(f"/proc/self/fd/{argument}").readlink() if isinstance(argument, int) else argument)
