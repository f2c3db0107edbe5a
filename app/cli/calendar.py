"""`openbell calendar`: which days are sessions, how far that is known, and what people know better."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import connect, path

calendar = typer.Typer(help="The exchanges' calendars: list, show, override, import.", no_args_is_help=True)
_PHASE = re.compile(r"([a-z_]+)[= ]([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")
Name = Annotated[str, typer.Argument(metavar="CALENDAR", help="As XSHG.")]
Day = Annotated[str, typer.Argument(metavar="DATE", help="As 2026-11-24.")]


@calendar.command("list")
def list_calendars(as_json: Json = False) -> None:
    """Every calendar and how far it is known."""
    found = list(connect().items("/calendars"))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    headers = ("calendar", "from", "known until", "sessions left", "version", "source")
    fields = ("id", "first_date", "horizon_date", "sessions_left", "version", "source")
    screen.table(headers, ([each[field] for field in fields] for each in found), spare=("source", "version", "from"))
    for each in found:
        if each["alarm"]:
            screen.complain(each["alarm"])


@calendar.command()
def show(
    name: Name,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Default: 1 January of this year.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Default: the horizon.")] = None,
    as_json: Json = False,
) -> None:
    """The sessions of a range, one date a line, with the phases of those whose hours are not the usual ones."""
    answer = connect().get(path("calendars", name), **{"from": first, "to": last})
    if as_json:
        screen.document(answer)
        return
    special = {each["date"]: each["phases"] for each in answer["special"]}
    for day in answer["sessions"]:
        screen.line("\t".join([day, *map(_phases, special.get(day, ()))]))


@calendar.command()
def override(
    name: Name,
    day: Day,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    closed: Annotated[bool, typer.Option("--closed/--session", help="Closed, or a session that day.")] = True,
    phase: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FROM-TO", help="Other hours than usual, as continuous=09:30-11:30; repeat it for each phase."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say of one day that the exchange is closed, or that it trades, or trades half a day. It holds at once."""
    body: dict[str, Any] = {"date": day, "session": not closed or bool(phase), "reason": reason}
    _done(name, {**body, "phases": [_phase(text) for text in phase]} if phase else body, as_json)


@calendar.command("import")
def import_csv(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines under the header date,session,reason; - is stdin.")],
    known_until: Annotated[str | None, typer.Option(metavar="DATE", help="The list is whole up to this day.")] = None,
    weekdays: Annotated[bool, typer.Option("--weekdays", help="Days it does not name are sessions, Monday to Friday.")] = False,
    as_json: Json = False,
) -> None:
    """Store the days of a CSV file, all or none; with --known-until the official list of the time to come."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}") from None
    extra = {"known_until": known_until, "otherwise": "weekdays" if weekdays else None}
    _done(name, {"csv": text, **{field: value for field, value in extra.items() if value}}, as_json)


@calendar.command()
def overrides(name: Name, as_json: Json = False) -> None:
    """What people said of days, and what the source says."""
    found = list(connect().items(path("calendars", name, "overrides")))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    words = {True: "session", False: "closed", None: None}
    rows = ([each["date"], words[each["session"]], words[each["source_says"]], each["made_by"], each["reason"]] for each in found)
    screen.table(("date", "is", "source says", "by", "why"), rows, spare=("why", "by", "source says"))


@calendar.command()
def restore(name: Name, day: Day) -> None:
    """Take an override back: the source's word holds again."""
    connect().delete(path("calendars", name, "overrides", day))
    screen.line(f"{name}\t{day}\tas the source says")


def _done(name: str, body: dict[str, Any], as_json: bool) -> None:
    answer = connect().post(path("calendars", name, "overrides"), body)
    if as_json:
        screen.document(answer)
    else:
        screen.line(f"{answer['id']}\tversion {answer['version']}\tknown until {answer['horizon_date']}")


def _phase(text: str) -> list[str]:
    found = _PHASE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no phase: write it as continuous=09:30-11:30", param_hint="--phase")
    return list(found.groups())


def _phases(phases: list[list[Any]]) -> str:
    return " ".join(f"{name} {start}-{end}" for name, start, end, *_ in phases)
