"""Ends what is left of attempts whose worker or process is gone, before their runs begin again."""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil
import structlog

from app.definitions import mark
from app.store.fence import Fence

_log = structlog.get_logger("openbell.leftovers")
_SECONDS = 5
_PAUSE_SECONDS = 0.005


def end_attempts(fences: Iterable[Fence]) -> int:
    """Kill every process on this host that works for one of these attempts, and wait until none lives; how many there were.

    They are found by the mark that each bears, whoever its parent is. Not found: one whose environment was made anew and that
    no forkserver of ours adopted; one of another user. A process that the kernel holds is not waited for longer than 5 s.
    """
    marks = frozenset(mark.of(fence.run_id, fence.attempt) for fence in fences)
    ended: set[int] = set()
    deadline = time.monotonic() + _SECONDS
    # Again and again: one that forks while it is looked for is met in the next round.
    while marks and (found := [pid for pid in psutil.pids() if _kill(pid, marks)]):
        ended.update(found)
        if time.monotonic() > deadline:
            _log.error("what is left of an attempt does not end on SIGKILL", processes=found)
            break
        time.sleep(_PAUSE_SECONDS)
    if ended:
        _log.warning("ended what was left of an attempt", processes=sorted(ended))
    return len(ended)


def _kill(pid: int, marks: Collection[str]) -> bool:
    """Kill the process if it bears one of the marks; whether it did, and still lived."""
    if _mark(pid) not in marks:
        return False
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # Held now: its id cannot have become another's since.
        if _mark(pid) not in marks:
            return False
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        return True
    finally:
        os.close(process)


def _mark(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    _, found, rest = environment.partition(f"{mark.NAME}=".encode())
    return rest.partition(b"\0")[0].decode(errors="replace").strip() if found else ""
