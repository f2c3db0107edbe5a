"""The mark of a run's attempt in the environment of its processes: by it they are found whatever became of their parents.

A process keeps it through fork and exec, in a group or session of its own, and when whoever started it is gone. One that
executes a program with an environment made anew does not bear it; that one is found by descent while its forkserver lives.
"""

NAME = "_OPENBELL_RUN"
"""Not a setting, so not named like one: what an op starts may be Openbell's own command line."""

WIDTH = 64
"""Bytes that are kept free for it: a process writes it over those with which its forkserver was started."""


def of(run_id: str, attempt: int) -> str:
    """The mark of that attempt."""
    return f"{run_id}.{attempt}"
