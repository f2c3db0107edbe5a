"""Ops that do what their params say: succeed, fail, hang, die."""

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from app.definitions import OpContext, RetryPolicy, op


@op
def noop() -> None:
    """Nothing, first in a chain."""


@op
def number(*, value: int = 1) -> int:
    """A value."""
    return value


@op
def add(left: int, right: int = 0, *, more: int = 0) -> int:
    """A sum."""
    return left + right + more


@op
def fail(*, message: str = "no") -> int:
    """An exception."""
    raise ValueError(message)


@op
def fail_until(context: OpContext, *, folder: str, times: int) -> int:
    """Fails as often as told, counted in a folder, so that it also counts across processes."""
    tries = len(list(Path(folder).iterdir()))
    (Path(folder) / str(tries)).touch()
    if tries < times:
        raise ConnectionError(f"try {tries + 1}")
    return context.attempt


@op
def hang(context: OpContext, *, mark: str, deaf: bool = False, polite: bool = False) -> None:
    """Says that it runs, then never ends: unless it is asked politely, or by a signal that it does not ignore."""
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(mark).write_text(str(os.getpid()))
    while not (polite and context.cancelled):
        time.sleep(0.01)


@op
def wait_for(before: int = 0, *, path: str, mark: str) -> int:
    """Says that it runs, and ends once a file is there."""
    Path(mark).touch()
    while not Path(path).exists():
        time.sleep(0.005)
    return before


@op
def die(after: int = 0, *, how: str, once: str = "") -> int:
    """Ends its process; with `once`, only the first time."""
    if once:
        if Path(once).exists():
            return after
        Path(once).touch()
    if how == "exit":
        os._exit(7)
    if how == "segv":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@op
def grow(*, megabytes: int, mark: str) -> None:
    """Holds memory until it is ended."""
    held = bytearray(os.urandom(2**20)) * megabytes
    Path(mark).touch()
    while held:
        time.sleep(0.01)


class Parts(NamedTuple):
    """Two outputs, each of which may be left out."""

    left: int | None
    right: int | None


@op
def split(*, left: bool = True, right: bool = False) -> Parts:
    """A conditional branch."""
    return Parts(1 if left else None, 2 if right else None)


@op
def chatter(context: OpContext, *, lines: int) -> None:
    """Logs and prints."""
    for line in range(lines):
        context.log.info("line", number=line)
    print("printed")  # noqa: T201 - what an op prints belongs in its log


@op(retry=RetryPolicy(max_retries=2))
def touchy(*, folder: str, times: int) -> int:
    """An op with a retry policy of its own."""
    tries = len(list(Path(folder).iterdir()))
    (Path(folder) / str(tries)).touch()
    if tries < times:
        raise ConnectionError("again")
    return tries


@op
def measure(*, text: str) -> int:
    """How long a text is."""
    return len(text)
