"""No process outlives the one that wanted it, whatever ends that one."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends (Linux); `parent` is that process's id.

    The kernel forgets the wish at a fork, so every process makes it for itself.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the wish was made; then nothing would come any more.
    if os.getppid() != parent:
        os._exit(1)


def end_group() -> None:
    """Kill this process and everything it started."""
    os.killpg(os.getpgid(0), signal.SIGKILL)
