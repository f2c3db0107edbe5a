"""No process outlives the one that wanted it, whatever ends that one. Linux has the means; elsewhere `end_group` alone serves."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends; `parent` is that process's id.

    The kernel forgets the wish at a fork, so every process makes it for itself.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the wish was made; then nothing would come any more.
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Take that wish back: for who hears of the parent's end otherwise, and has others to end before itself."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def adopt() -> None:
    """Become the parent of whatever this process's descendants leave behind, so that a daemon does not get away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def own_children() -> list[int]:
    """The process ids of this process's children, adopted ones too, whichever thread they belong to."""
    pids = []
    for thread in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):
            pids += [int(pid) for pid in (thread / "children").read_text().split()]
    return pids


def end_group(leader: int = 0) -> None:
    """Kill a process group, by default this process's own: itself and what it started."""
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.killpg(leader or os.getpgid(0), signal.SIGKILL)


@contextlib.contextmanager
def worker_or_nothing() -> Iterator[None]:
    """Where the worker cannot be reached any more, say so in the output and end: nobody will ever hear of this process again."""
    try:
        yield
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(2, f"the process ends itself: its worker is gone, or an op closed its descriptors ({error})\n".encode())
        end_group()


def _prctl(option: int, argument: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, argument)
