"""Watching a run until it is final: a live table of its steps, or a line for each change in a pipe."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from app.cli import screen
from app.cli.service import Service, path

FINAL = ("succeeded", "failed", "cancelled")
_FIRST_LOOK_SECONDS = 0.1
_LONGEST_LOOK_SECONDS = 1.0
_HEADERS = ("step", "op", "status", "attempt", "duration", "rows", "why")

Run = dict[str, Any]


def looks(service: Service, run: Run, timeout: float | None) -> Iterator[Run]:
    """The run again and again, less often as time goes by, until it is final or the time is up."""
    deadline = time.monotonic() + timeout if timeout is not None else None
    pause = _FIRST_LOOK_SECONDS
    yield run
    while run["status"] not in FINAL and (deadline is None or time.monotonic() < deadline):
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_LOOK_SECONDS)
        run = service.get(path("runs", run["id"]))
        yield run


def silently(service: Service, run: Run, timeout: float | None) -> Run:
    """The run when it is final or the time is up."""
    for look in looks(service, run, timeout):
        run = look
    return run


def on_screen(service: Service, run: Run, timeout: float | None) -> Run:
    """The same, while a person or a log watches."""
    if screen.is_terminal():
        return _live(service, run, timeout)
    return _in_lines(service, run, timeout)


def show(run: Run) -> None:
    """The run as it is now."""
    if screen.is_terminal():
        from rich.console import Console

        Console().print(_table(run))
        return
    screen.line(heading(run))
    for step in run["steps"]:
        screen.line(_step_line(step))
    screen.line(ending(run))


def _live(service: Service, run: Run, timeout: float | None) -> Run:
    from rich.live import Live

    with ExitStack() as stack:
        live = stack.enter_context(Live(_table(run), auto_refresh=False))
        for look in looks(service, run, timeout):
            run = look
            live.update(_table(run), refresh=True)
    return run


def _in_lines(service: Service, run: Run, timeout: float | None) -> Run:
    told: dict[str, tuple[str, int]] = {}
    screen.line(heading(run))
    for look in looks(service, run, timeout):
        run = look
        for step in run["steps"]:
            state = (step["status"], step["attempt"])
            if step["status"] != "pending" and told.get(step["node"]) != state:
                told[step["node"]] = state
                screen.line(_step_line(step))
    screen.line(ending(run))
    return run


def _table(run: Run) -> Any:
    made = screen.rich_table(_HEADERS, [_row(step) for step in run["steps"]], heading(run))
    made.caption = ending(run)
    made.caption_justify = "left"
    return made


def _step_line(step: dict[str, Any]) -> str:
    return "  " + "\t".join(screen.cell(value) for value in _row(step))


def _row(step: dict[str, Any]) -> tuple[Any, ...]:
    rows = (step["metrics"] or {}).get("record_count")
    return (step["node"], step["op"], step["status"], step["attempt"], screen.seconds(step["duration"]), rows, why(step))


def heading(run: Run) -> str:
    """Which run it is."""
    return " ".join(part for part in (run["job"], run["trade_date"], f"run {run['id']}") if part)


def ending(run: Run) -> str:
    """How the run stands, in a sentence."""
    took = f" after {screen.seconds(run['duration'])}" if run["duration"] is not None else ""
    reason = f": {why(run)}" if why(run) else ""
    return f"{run['status']}{took}{reason}"


def why(thing: dict[str, Any]) -> str:
    """The reason of a run or step with the first line of its error."""
    error = thing["error"]
    message = error.get("message", "") if isinstance(error, dict) else error or ""
    first = message.strip().splitlines()[0] if message.strip() else ""
    return ": ".join(part for part in (thing["reason"], first) if part)
