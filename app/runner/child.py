"""The run process: what a fork of the forkserver does until its worker ends it."""

import contextlib
import faulthandler
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TextIO

from app.definitions import mark
from app.runner import catalogue, logs, marking, memory, queries, standing
from app.runner.channel import Channel, Work
from app.runner.emitter import Emitter
from app.runner.logs import Journal
from app.runner.loop import Loop
from app.runner.orphans import adopt, end_with_parent
from app.runner.run import Run
from app.settings import Settings


def main(stream: int, bell: int, output: int, forkserver: int, settings: Settings) -> int:
    """Be a run process on these descriptors until the worker sends `end`; the exit code. `forkserver`: its process id."""
    _stand_alone(forkserver)
    _redirect(output)
    end = socket.socket(fileno=stream)
    journal = Journal(Emitter(end, bell))
    channel = Channel(end, journal.emitter)
    logs.install(journal, settings.log_level)
    _reseed()
    memory.mark_start()
    standing.remember()
    journal.emitter.emit({"type": "ready", "pid": os.getpid()})
    journal.emitter.flush()
    while (work := channel.inbox.get()).message["type"] != "end":
        _serve(work, journal, settings)
        _flush_output()
        journal.emitter.flush()
    return 0


def _serve(work: Work, journal: Journal, settings: Settings) -> None:
    message = work.message
    match message["type"]:
        case "run":
            marking.bear(mark.of(message["run"]["id"], message["run"]["attempt"]))
            ended = Loop(Run(message["run"], journal, settings, work.cancelled)).run()
            marking.bear("")
            # Before the end of the run is told, or its last line could reach the next run's log.
            _flush_output()
            journal.emitter.emit(ended)
        case "describe":
            journal.emitter.emit({"type": "catalogue", "catalogue": catalogue.describe().model_dump(mode="json")})
        case "query":
            queries.answer(message, journal, settings)
        case "reveal":
            queries.reveal(message, journal, settings)
        case "tidy":
            queries.tidy(message, journal, settings)
        case unknown:
            raise ValueError(f"the worker sent a message of unknown type {unknown!r}")


def _stand_alone(forkserver: int) -> None:
    # A group of its own: Ctrl-C on the terminal does not reach it, and it can be ended with all that it started.
    with contextlib.suppress(PermissionError):
        os.setpgid(0, 0)
    end_with_parent(forkserver)
    adopt()
    _give_way()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _give_way() -> None:
    # Where memory runs out the kernel ends one of these, which begins again, and not the service or the database.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _redirect(output: int) -> None:
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    # New ones, a line at a time: what an op printed last would be lost with a process that dies.
    sys.stdout = _text(1)
    sys.stderr = _text(2)
    faulthandler.enable()


def _text(descriptor: int) -> TextIO:
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _reseed() -> None:
    # NumPy's global generator was seeded before the fork; every child would draw the same numbers.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
