"""The commands. Each is a question to the service and a way to show the answer."""

import sys
import uuid
from typing import Annotated, Any

import typer

from app.cli import backfills, become_service, corrections, deadlines, definitions, follow, jobs, releases, runs, screen, timing
from app.cli.calendar import calendar
from app.cli.data import data
from app.cli.database import database
from app.cli.definitions import NotCompared, WouldBeRefused
from app.cli.doctor import doctor
from app.cli.factors import factors
from app.cli.keys import keys
from app.cli.logs import logs
from app.cli.moving import export_data, import_data
from app.cli.options import Json, Pairs, pairs
from app.cli.patience import Patient
from app.cli.quality import quality
from app.cli.quarantine import quarantine
from app.cli.repair import repair
from app.cli.reproduce import reproduce
from app.cli.service import NoService, Refused, Unclear, connect, path
from app.errors import ConfigurationError, OpenbellError

USAGE, NO_SERVICE, REFUSED, NOT_SUCCEEDED, TIME_UP = 2, 3, 4, 1, 5
EXITS = """Exit codes: 0 done; 1 the run did not succeed, doctor found a fault, or diff a difference; 2 wrong usage or settings,
and every error of diff; 3 no service answers; 4 the service refused; 5 the time to wait was up.
With --json an error is a problem document on stderr."""
_CODES: dict[type[OpenbellError], int] = {
    ConfigurationError: USAGE,
    NotCompared: USAGE,
    NoService: NO_SERVICE,
    Refused: REFUSED,
    WouldBeRefused: REFUSED,
    Unclear: REFUSED,
}

app = typer.Typer(
    help="Job control for market-data pipelines.",
    epilog=EXITS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(keys, name="keys")
app.add_typer(database, name="db")
app.add_typer(calendar, name="calendar")
app.add_typer(quarantine, name="quarantine")

Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", metavar="NAME=VALUE", help="A tag of the run.")]


def run() -> int:
    """Run the command that the arguments name; the exit code."""
    try:
        app()
    except OpenbellError as error:
        screen.complaint(problem(error)) if "--json" in sys.argv else screen.complain(str(error))
        return next((code for kind, code in _CODES.items() if isinstance(error, kind)), NOT_SUCCEEDED)
    except KeyboardInterrupt:
        return 130
    return 0


def problem(error: OpenbellError) -> dict[str, Any]:
    """The error as a problem document, like the service's."""
    faults = [{"pointer": fault.pointer, "message": fault.message} for fault in error.faults]
    return {"status": error.status, "code": error.code, "detail": error.detail, "hint": error.hint, "errors": faults}


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def serve(context: typer.Context) -> None:
    """Run the service (`openbell serve --help` lists its arguments)."""
    become_service(["serve", *context.args])


@app.command("run")
def run_job(
    job: str,
    param: Pairs = None,
    tag: Tags = None,
    date: Annotated[str | None, typer.Option(help="The trade date, as 2026-11-20.")] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 100, higher first.")] = None,
    note: Annotated[str | None, typer.Option(help="Why this run was made.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the steps until the run is final.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most; the run goes on.")] = None,
    as_json: Json = False,
) -> None:
    """Make a run of a job. With --wait the exit code is 0 only if it succeeded."""
    optional = {"trade_date": date, "priority": priority, "note": note}
    body: dict[str, Any] = {name: value for name, value in optional.items() if value is not None}
    body |= {"params": pairs(param, as_json=True), "tags": pairs(tag, as_json=False)}
    service = connect()
    made = service.post(path("jobs", job, "runs"), body, Idempotency_Key=str(uuid.uuid4()))
    if not wait:
        screen.document(made) if as_json else screen.line(made["id"])
        return
    goes_on = f"The run goes on: openbell runs {made['id']}"
    patient = Patient(service, f"{goes_on} (once `openbell serve` runs)", timeout)
    try:
        final = (follow.silently if as_json else follow.on_screen)(patient, made, timeout)
    except KeyboardInterrupt:
        screen.complain(goes_on)
        raise
    if as_json:
        screen.document(final)
    if final["status"] not in follow.FINAL:
        raise typer.Exit(TIME_UP)
    if final["status"] != "succeeded":
        raise typer.Exit(NOT_SUCCEEDED)


for command in (
    jobs.jobs, jobs.status, jobs.metrics, runs.runs, logs, runs.cancel, runs.retry, jobs.pause, jobs.resume,
    timing.schedules, timing.triggers, timing.preview, timing.firings, timing.send, backfills.backfill, backfills.backfills,
    repair, data, factors, corrections.correct, corrections.corrections, quality, jobs.ops, doctor,
):  # fmt: skip
    app.command()(command)
for noun in (releases.releases, releases.snapshots, releases.pin, releases.unpin, reproduce):
    app.command()(noun)
app.command("restore-snapshot")(releases.restore)
app.command("import")(import_data)
app.command("export-data")(export_data)
for verb in (deadlines.deadlines, deadlines.why, definitions.export, definitions.diff, definitions.apply):
    app.command()(verb)
