"""What an op may change of its process and the next run would meet: put back where it can be, else told."""

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from app.definitions import mark

_LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
# Without the real-time ones: twice as many, and nobody's habit.
_SIGNALS = [number for number in signal.valid_signals() if number < signal.SIGRTMIN]
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_MARK = mark.NAME.encode()


class _Standing(NamedTuple):
    environment: dict[bytes, bytes]
    folder: str
    umask: int
    handlers: dict[int, Any]
    blocked: set[Any]
    limits: dict[int, tuple[int, int]]
    streams: list[tuple[int, int] | None]
    files: list[tuple[Any, bool]]
    nice: int


_fresh: _Standing | None = None


def remember() -> None:
    """Remember how a fresh process stands."""
    global _fresh
    _fresh = _now()


def restore() -> list[str]:
    """Make this process stand as it did when it was fresh; what could not be put back, in words. For the main thread."""
    if _fresh is None:
        return []
    for timer in _TIMERS:
        # An alarm that is still set would end the next run.
        signal.setitimer(timer, 0)
    now = _now()
    if now == _fresh:
        return []
    for name, put_back in _MEANS.items():
        if getattr(now, name) != getattr(_fresh, name):
            with contextlib.suppress(OSError, ValueError, TypeError):
                put_back(now, _fresh)
    left = _now()
    return [word for name, word in _WORDS.items() if getattr(left, name) != getattr(_fresh, name)]


def _now() -> _Standing:
    umask = os.umask(0o077)
    os.umask(umask)
    return _Standing(
        environment={name: value for name, value in os.environb.items() if name != _MARK},
        folder=_folder(),
        umask=umask,
        handlers={number: signal.getsignal(number) for number in _SIGNALS},
        blocked=set(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        limits={limit: resource.getrlimit(limit) for limit in _LIMITS},
        streams=[_stream(descriptor) for descriptor in range(3)],
        files=[(file, getattr(file, "closed", True)) for file in (sys.stdout, sys.stderr)],
        nice=os.getpriority(os.PRIO_PROCESS, 0),
    )


def _folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _stream(descriptor: int) -> tuple[int, int] | None:
    """Which file a standard descriptor is; None for a closed one."""
    try:
        facts = os.fstat(descriptor)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _put_environment(now: _Standing, fresh: _Standing) -> None:
    for name in now.environment.keys() - fresh.environment.keys():
        del os.environb[name]
    os.environb.update(fresh.environment)
    if now.environment.get(b"TZ") != fresh.environment.get(b"TZ"):
        time.tzset()


def _put_handlers(now: _Standing, fresh: _Standing) -> None:
    for number, handler in fresh.handlers.items():
        # None is one that C code had installed: Python can neither name it nor put it back.
        if now.handlers[number] != handler and handler is not None:
            signal.signal(number, handler)


def _put_limits(now: _Standing, fresh: _Standing) -> None:
    for limit, pair in fresh.limits.items():
        if now.limits[limit] != pair:
            resource.setrlimit(limit, pair)


def _put_files(now: _Standing, fresh: _Standing) -> None:
    sys.stdout, sys.stderr = (file for file, _ in fresh.files)


_MEANS: dict[str, Callable[[_Standing, _Standing], object]] = {
    "environment": _put_environment,
    "folder": lambda _, fresh: os.chdir(fresh.folder),
    "umask": lambda _, fresh: os.umask(fresh.umask),
    "handlers": _put_handlers,
    "blocked": lambda _, fresh: signal.pthread_sigmask(signal.SIG_SETMASK, fresh.blocked),
    "limits": _put_limits,
    "files": _put_files,
    "nice": lambda _, fresh: os.setpriority(os.PRIO_PROCESS, 0, fresh.nice),
}
_WORDS = {
    "environment": "its environment",
    "folder": "its working directory",
    "umask": "its umask",
    "handlers": "its signal handlers",
    "blocked": "its blocked signals",
    "limits": "its resource limits",
    "streams": "its standard streams",
    "files": "its standard streams",
    "nice": "its priority",
}
