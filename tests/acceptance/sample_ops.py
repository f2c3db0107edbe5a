"""Ops that do as they are told, for tests that need a run of a known kind."""

import time
from pathlib import Path

from app.definitions import OpContext, op


@op
def answer(*, value: int = 42) -> int:
    """Give the value."""
    return value


@op
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


@op
def break_down(number: int) -> int:
    """Fail."""
    raise ValueError(f"told to fail on {number}")


@op
def linger(context: OpContext, *, seconds: float = 60) -> int:
    """Go on until told to stop."""
    deadline = time.monotonic() + seconds
    while not context.cancelled and time.monotonic() < deadline:
        time.sleep(0.01)
    return 0


@op
def note(*, file: str) -> str:
    """Add a line to the file."""
    with Path(file).open("a") as opened:
        opened.write("done\n")
    return file


@op
def wait_for(after: str, *, gate: str) -> str:
    """Go on once the gate exists."""
    Path(gate + ".reached").touch()
    while not Path(gate).exists():
        time.sleep(0.01)
    return after
