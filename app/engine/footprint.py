"""What a run process and everything that it started hold in memory."""

import contextlib
import os

import psutil


def proportional_bytes(leader: int, limit: int = 0) -> int:
    """Private bytes of the leader's process group and descendants, and their share of shared ones (PSS); 0 when all are gone.

    What with shared ones counted whole is not above `limit` is answered so: the kernel walks every page for the exact number.
    """
    members = _members(leader)
    whole = sum(map(_resident, members))
    return whole if whole <= limit else sum(map(_proportional, members))


def _members(leader: int) -> set[int]:
    members = set()
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == leader:
                members.add(pid)
    with contextlib.suppress(psutil.Error):
        members.update(process.pid for process in psutil.Process(leader).children(recursive=True))
    return members


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(pid: int) -> int:
    try:
        facts = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(facts, "pss", facts.uss))
