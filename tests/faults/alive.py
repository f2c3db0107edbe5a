"""Whether a process can still do anything."""

import psutil


def executes(pid: int) -> bool:
    """Whether the process may run an instruction of its own: one that was killed has given its memory back at once."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.memory_info().rss > 0
    except psutil.NoSuchProcess:
        return False
