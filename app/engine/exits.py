"""How a run process ended."""

import signal
from typing import NamedTuple


class ExitFacts(NamedTuple):
    """By an exit code, or by a signal; and in words that follow "the process was lost:"."""

    code: int | None
    signal: int | None
    sentence: str


TAKEN_ALONG = ExitFacts(None, signal.SIGKILL, "its forkserver ended and took it along")
NEVER_FORKED = ExitFacts(None, signal.SIGKILL, "it was ended before it was forked")
CLOSED = ExitFacts(None, signal.SIGKILL, "it was ended because an op closed the stream that its events go over")
GARBLED = ExitFacts(None, signal.SIGKILL, "it was ended because an op wrote into the stream that its events go over")
STUCK = ExitFacts(None, signal.SIGKILL, "it did not end on SIGKILL: the kernel holds it")


def exit_facts(code: int, *, killed: bool) -> ExitFacts:
    """What an exit code says (negative: the signal); `killed`: we sent that signal ourselves."""
    if code >= 0:
        return ExitFacts(code, None, f"it ended with exit code {code}")
    kernel = ", as the kernel does when memory runs out" if code == -signal.SIGKILL and not killed else ""
    return ExitFacts(None, -code, f"it was ended by {signal.Signals(-code).name}{kernel}")
