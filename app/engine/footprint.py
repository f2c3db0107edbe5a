"""What a run process and everything that it started hold in memory."""

import contextlib
import os

import psutil


def proportional_bytes(leader: int) -> int:
    """Private bytes of the leader's process group and descendants, and their share of shared ones (PSS); 0 when all are gone."""
    return sum(map(_proportional, _members(leader)))


def _members(leader: int) -> set[int]:
    members = set()
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == leader:
                members.add(pid)
    with contextlib.suppress(psutil.Error):
        members.update(process.pid for process in psutil.Process(leader).children(recursive=True))
    return members


def _proportional(pid: int) -> int:
    try:
        facts = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(facts, "pss", facts.uss))
