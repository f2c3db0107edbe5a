"""Watching a run until it is final: a live table of its steps, or a line for each change in a pipe."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from app.cli import screen
from app.cli.patience import Patient
from app.cli.service import path

FINAL = ("succeeded", "failed", "cancelled")
_FIRST_LOOK_SECONDS = 0.1
_LONGEST_LOOK_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60
_HEADERS = ("step", "op", "status", "attempt", "duration", "rows", "memory", "quality", "why")
_SPARE = ("why", "duration", "quality", "memory", "op")

Run = dict[str, Any]


def looks(service: Patient, run: Run, timeout: float | None) -> Iterator[Run]:
    """The run again and again, less often as time goes by, until it is final or the time is up."""
    deadline = time.monotonic() + timeout if timeout is not None else None
    pause = _FIRST_LOOK_SECONDS
    yield run
    while run["status"] not in FINAL and (deadline is None or time.monotonic() < deadline):
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_LOOK_SECONDS)
        run = service.get(path("runs", run["id"]))
        yield run


def silently(service: Patient, run: Run, timeout: float | None) -> Run:
    """The run when it is final or the time is up; the service holds its answer back until then."""
    deadline = time.monotonic() + (timeout if timeout is not None else math.inf)
    while run["status"] not in FINAL and (left := deadline - time.monotonic()) > 0:
        run = service.get(path("runs", run["id"]), wait=min(left, _LONGEST_WAIT_SECONDS))
        if run["status"] not in FINAL:
            # With too many that wait already the service answers at once.
            time.sleep(min(_LONGEST_LOOK_SECONDS, max(0, deadline - time.monotonic())))
    return run


def on_screen(service: Patient, run: Run, timeout: float | None) -> Run:
    """The same, while a person or a log watches."""
    run = (_live if screen.is_terminal() else _in_lines)(service, run, timeout)
    _errors(run)
    return run


def show(run: Run) -> None:
    """The run as it is now."""
    if screen.is_terminal():
        from rich.console import Console

        console = Console()
        console.print(_table(run, console.width), soft_wrap=True)
    else:
        screen.line(heading(run))
        for step in run["steps"]:
            screen.line(_step_line(step))
        screen.line(ending(run))
    _errors(run)


def _errors(run: Run) -> None:
    """What the failed steps said, whole."""
    for step in run["steps"]:
        if step["status"] == "failed" and (error := step["error"]):
            screen.line(f"\n{step['node']}: {why(step)}")
            for text in (error["traceback"], error["hint"] and f"hint: {error['hint']}"):
                if text:
                    screen.line(text.rstrip())


def _live(service: Patient, run: Run, timeout: float | None) -> Run:
    from rich.live import Live

    with ExitStack() as stack:
        live = stack.enter_context(Live(auto_refresh=False))
        for look in looks(service, run, timeout):
            run = look
            live.update(_table(run, live.console.width), refresh=True)
    return run


def _in_lines(service: Patient, run: Run, timeout: float | None) -> Run:
    told: dict[str, tuple[str, int]] = {}
    waited_for = None
    screen.line(heading(run))
    for look in looks(service, run, timeout):
        run = look
        if run.get("waiting_for") not in (None, waited_for):
            waited_for = run["waiting_for"]
            screen.line(ending(run))
        for step in run["steps"]:
            state = (step["status"], step["attempt"])
            if step["status"] != "pending" and told.get(step["node"]) != state:
                told[step["node"]] = state
                screen.line(_step_line(step))
    screen.line(ending(run))
    return run


def _table(run: Run, width: int) -> Any:
    from rich.console import Group
    from rich.text import Text

    rows = [_row(step) for step in run["steps"]]
    told = any(step["op"] != step["node"] for step in run["steps"])
    spare = _SPARE if told else tuple(name for name in _SPARE if name != "op")
    headers = _HEADERS if told else tuple(name for name in _HEADERS if name != "op")
    rows = rows if told else [(row[0], *row[2:]) for row in rows]
    # A table's own title would be folded to its width, and the run's id with it.
    return Group(
        Text(heading(run), style="bold"),
        "",
        screen.rich_table(headers, rows, width, spare=spare),
        "",
        Text(ending(run), style="dim"),
    )


def _step_line(step: dict[str, Any]) -> str:
    return "  " + "\t".join(screen.cell(value) for value in _row(step))


def _row(step: dict[str, Any]) -> tuple[Any, ...]:
    metrics = step["metrics"] or {}
    reason = "taken over" if step["taken_over"] else why(step)
    took = screen.seconds(step["duration"])
    measured = (metrics.get("record_count"), screen.size(metrics.get("memory_usage")), metrics.get("data_quality_score"))
    return (step["node"], step["op"], step["status"], step["attempt"], took, *measured, reason)


def heading(run: Run) -> str:
    """Which run it is."""
    again = f", retry of {run['retry_of']}" if run["retry_of"] else ""
    return " ".join(part for part in (run["job"], run["trade_date"], f"run {run['id']}") if part) + again


def ending(run: Run) -> str:
    """How the run stands, in a sentence."""
    took = f" after {screen.seconds(run['duration'])}" if run["duration"] is not None else ""
    reason = f": {why(run)}" if why(run) else ""
    waits = f", waiting: {run['waiting_for']}" if run.get("waiting_for") else ""
    return f"{run['status']}{took}{reason}{waits}"


def why(thing: dict[str, Any]) -> str:
    """The reason of a run or step with the type and the first line of its error."""
    error = thing["error"] or {}
    kind = error.get("type") if error.get("type") != thing["reason"] else None
    first = (error.get("message") or "").strip().partition("\n")[0]
    return ": ".join(part for part in (thing["reason"], kind, first) if part)
