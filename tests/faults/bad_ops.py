"""Ops as nobody should write them: each does one thing to its process that a runner must survive."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from app.definitions import OpContext, op
from tests.faults.alive import executes

FOREVER = "import threading; threading.Event().wait()"


@op
def steady(*, mark: str, release: str) -> int:
    """A good op beside them: says its process, ends when it may."""
    Path(mark).write_text(str(os.getpid()))
    while not Path(release).exists():
        time.sleep(0.005)
    return 1


@op
def good(before: int = 0) -> int:
    """What a healthy job does."""
    return before + 1


@op
def raises(*, what: str) -> int:
    """Every kind of exception, its worst ones too."""
    if what == "recursion":
        return raises.function(what=what) + 1
    if what == "recursion_in_c":
        nested: Any = []
        for _ in range(1_000_000):
            nested = [nested]
        return len(repr(nested))
    raise {
        "base": BaseException("beyond Exception"),
        "exit": SystemExit(0),
        "interrupt": KeyboardInterrupt(),
        "generator": GeneratorExit(),
        "huge": ValueError("x" * 10_000_000),
        "surrogates": ValueError("\ud800\udfff and \0 and \x1b[31m"),
        "textless": Textless(),
        "chained": chained(2_000),
        "group": ExceptionGroup("many", [ValueError(str(number)) for number in range(5_000)]),
    }[what]


class Textless(Exception):
    """Nothing of it can be shown."""

    def __str__(self) -> str:
        raise SystemExit("no text")

    __repr__ = __str__

    @property
    def reason(self) -> str:
        raise KeyboardInterrupt


def chained(length: int) -> Exception:
    """An exception with that many causes."""
    error = ValueError("the first")
    for number in range(length):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following
    return error


@op
def ends(*, how: str) -> int:
    """Ends its process."""
    if how.startswith("exit "):
        os._exit(int(how.split()[1]))
    if how == "segv":
        ctypes.string_at(0)
    if how == "abort":
        os.abort()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@op
def returns(*, what: str) -> Any:
    """What no database holds."""
    endless: list[Any] = []
    endless.append(endless)
    return {
        "lock": threading.Lock(),
        "endless": endless,
        "generator": (number for number in range(3)),
        "too_large": "x" * 70_000,
        "nan": [float("nan")],
        "bytes": b"\xff\xfe",
        "deep": deep(5_000),
    }[what]


def deep(levels: int) -> Any:
    """Lists in lists."""
    found: Any = 0
    for _ in range(levels):
        found = [found]
    return found


@op
def hangs(*, mark: str, deaf: bool = False) -> int:
    """Never ends; deaf to SIGTERM where told."""
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(mark).write_text(str(os.getpid()))
    threading.Event().wait()
    return 0


@op
def grows(*, how: str = "own", mark: str) -> int:
    """Takes memory without end, by itself or by what it starts."""
    if how == "child":
        code = "held = []\nwhile True: held.append(bytearray(b'x' * 2**24)); __import__('time').sleep(0.02)"
        Path(mark).write_text(str(subprocess.Popen([sys.executable, "-c", code], start_new_session=True).pid))
        threading.Event().wait()
    held = []
    while True:
        held.append(bytearray(b"x" * 2**24))
        time.sleep(0.02)


@op
def leaves(*, how: str, mark: str, then: str = "") -> int:
    """Starts a process that outlives it; `mark` gets its id. `then`: how it goes on."""
    if how == "session":
        process = subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True)
        Path(mark).write_text(str(process.pid))
    elif how == "fork":
        if (pid := os.fork()) == 0:
            threading.Event().wait()
        Path(mark).write_text(str(pid))
    else:
        _daemon(Path(mark), cleared=how == "daemon without environment")
    if then == "hang":
        threading.Event().wait()
    if then:
        ends.function(how=then)
    return 1


def _daemon(mark: Path, *, cleared: bool) -> None:
    if os.fork() == 0:
        os.setsid()
        if (pid := os.fork()) == 0:
            os.execve(sys.executable, [sys.executable, "-c", FOREVER], {} if cleared else dict(os.environ))
        mark.write_text(str(pid))
        os._exit(0)
    os.wait()


@op
def floods(context: OpContext, *, where: str, megabytes: int) -> int:
    """Says far too much."""
    line = "x" * 1023
    for _ in range(megabytes * 1024):
        if where == "log":
            context.log.info(line)
        else:
            os.write(int(where), line.encode() + b"\n")
    return megabytes


@op
def spoils_descriptors(*, how: str) -> int:
    """Writes into, or closes, descriptors that are not its own."""
    if how == "standard":
        for descriptor in range(3):
            os.close(descriptor)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the kernel's list of numbers
        descriptor = int(name)
        if descriptor > 2 and how == "closed":
            with contextlib.suppress(OSError):
                os.close(descriptor)
        elif descriptor > 2 and how != "standard":
            _write(descriptor, how)
    return 1


def _write(descriptor: int, how: str) -> None:
    garbage = {
        "garbage": b"not a message at all\n",
        "half": b"\xf5O",
        "length": b"\xf5Ob\n\xff\xff\xff\xff\0",
        "json": b'\xf5Ob\n\x03\0\0\0\0{"a',
        "event": b'\xf5Ob\n\x0d\0\0\0\0["run_ended"]',
        "keyless": b'\xf5Ob\n\x14\0\0\0\0[{"type":"run_ended"}]'[:33],
        "binary": b"\xf5Ob\n\x02\0\0\0\x01ab",
    }[how]
    with contextlib.suppress(OSError):
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith("socket:"):
            os.write(descriptor, garbage)


@op
def changes(*, what: str, folder: str = "") -> int:
    """Changes its process, and leaves it so."""
    if what == "environment":
        os.environ["LEFT_BEHIND"] = "yes"
        del os.environ["PATH"]
    elif what == "folder":
        os.chdir(folder)
    elif what == "umask":
        os.umask(0)
    elif what == "handlers":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    elif what == "alarm":
        signal.alarm(1)
    elif what == "soft limit":
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    elif what == "hard limit":
        resource.setrlimit(resource.RLIMIT_NPROC, (50_000, 50_000))
    elif what == "standard output":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    elif what == "print":
        sys.stdout.close()
    elif what == "thread":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return os.getpid()


@op
def standing() -> dict[str, Any]:
    """How its process stands."""
    return {
        "pid": os.getpid(),
        "left_behind": os.environ.get("LEFT_BEHIND"),
        "path": bool(os.environ.get("PATH")),
        "folder": str(Path.cwd()),
        "umask": (old := os.umask(0o22), os.umask(old))[0],
        "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0],
        "files": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
    }


@op
def takes_turns(context: OpContext, *, folder: str, leave: bool = True) -> list[int]:
    """First: starts processes that would outlive it, and hangs. Then: says which of those still live."""
    first = Path(folder) / "first"
    if first.exists():
        return [pid for pid in map(int, first.read_text().split()) if executes(pid)]
    pids = [os.getpid()]
    for how in ("fork", "session", "daemon") if leave else ():
        mark = Path(folder) / how
        leaves.function(how=how, mark=str(mark))
        pids.append(int(mark.read_text()))
    first.with_suffix(".part").write_text(" ".join(map(str, pids)))
    first.with_suffix(".part").rename(first)
    threading.Event().wait()
    return []
