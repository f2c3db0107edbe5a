"""What the ops of a run left running in this process, where the next run would meet it."""

import threading

from app.runner.orphans import own_children

OURS = "openbell-"
"""How the names of our own threads begin."""


def left() -> list[str]:
    """The names of threads, and ids of processes, that are neither ours nor at their end."""
    # A foreign thread that once called into Python stands in the list for ever, under this name.
    threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith((OURS, "MainThread", "Dummy-"))]
    return threads + [str(pid) for pid in own_children()]
