"""What the kernel says of processes."""

import os
import signal
from pathlib import Path

import psutil


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def group_of(pid: int) -> list[int]:
    """Every living process of that group."""
    members = []
    for other in psutil.pids():
        try:
            if os.getpgid(other) == pid and is_alive(other):
                members.append(other)
        except ProcessLookupError:
            continue
    return members


def environment_of(pid: int) -> dict[str, str]:
    """What the kernel shows of a process's environment."""
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
