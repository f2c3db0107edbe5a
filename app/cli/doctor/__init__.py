"""`openbell doctor`: looks at everything that a start or a run stands on, and says what to do about what is wrong."""

import traceback
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from app import settings
from app.cli import screen
from app.cli.doctor import children, definitions, machine, source, state
from app.cli.doctor.finding import Finding, failed
from app.errors import ConfigurationError
from app.settings import Settings

CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    machine.python,
    machine.sqlite,
    machine.data_dir,
    machine.clocks,
    machine.port,
    state.database,
    state.calendars,
    state.workers,
    definitions.own_folder,
    source.readable,
    children.modules,
)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Look for what is wrong, from the machine to definitions and source. Exit code 1 if something is."""
    findings = list(examine())
    if as_json:
        screen.document([vars(finding) for finding in findings])
    else:
        screen.table(("check", "status", "found"), ((found.check, found.status, found.detail) for found in findings))
        for found in findings:
            if found.hint:
                screen.line(f"{found.check}: {found.hint}")
    if any(found.status == "failed" for found in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which one stands on the other."""
    try:
        loaded = settings.load()
    except ConfigurationError as error:
        yield failed("settings", str(error), "See .env.example for every setting.")
        return
    yield Finding("settings", "ok", f"data dir {loaded.data_dir}, roles {', '.join(loaded.roles)}")
    for check in CHECKS:
        try:
            yield from check(loaded)
        except Exception as error:
            # A doctor who falls ill on one organ still looks at the others.
            yield failed(check.__name__, f"{type(error).__name__}: {error}", traceback.format_exc())
