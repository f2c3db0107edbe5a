"""`openbell deadlines` and `why`: what was promised and what became of it, and why something is not there."""

from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import connect, path

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A deadline.")]


def deadlines(
    name: Name = None,
    limit: Annotated[int, typer.Option(help="How many trade dates of NAME, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Every deadline and its newest promise; with NAME what became of each trade date."""
    service = connect()
    if name is not None:
        answer = service.get(path("deadlines", name, "promises"), limit=limit)
        screen.document(answer) if as_json else _promises(answer["items"])
        return
    found = list(service.items("/deadlines"))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    headers = ("deadline", "job", "paused", "next due", "trade date", "outcome", "description")
    screen.table(headers, map(_standing, found), spare=("outcome", "trade date", "next due", "paused", "description"))


def why(
    job: str,
    date: Annotated[str | None, typer.Option(help="The trade date, as 2026-11-20.")] = None,
    as_json: Json = False,
) -> None:
    """Why a job is not done for a trade date, or for the newest one that it should have run for."""
    answer = connect().get(path("jobs", job, "why"), trade_date=date)
    if as_json:
        screen.document(answer)
        return
    screen.line(answer["summary"])
    rows = ([one["job"], one["what"], one["state"], one["sentence"]] for one in answer["reasons"])
    screen.table(("job", "about", "state", "why"), rows, spare=("why",))


def _standing(deadline: dict[str, Any]) -> list[Any]:
    latest = deadline["latest"] or {}
    paused = "paused" if deadline["paused"] else None
    due = screen.instant(deadline["next_due_at"])
    return [
        deadline["name"], deadline["job"], paused, due, latest.get("trade_date"), latest.get("outcome"), deadline["means"],
    ]  # fmt: skip


def _promises(items: list[dict[str, Any]]) -> None:
    headers = ("trade date", "due", "outcome", "met", "expected", "run", "why")
    rows = (
        [
            row["trade_date"], screen.instant(row["due_at"]), row["outcome"], screen.instant(row["met_at"]),
            screen.instant(row["predicted_at"]), row["run_id"], row["detail"] or row["prediction"],
        ]
        for row in items
    )  # fmt: skip
    screen.table(headers, rows, spare=("met", "why", "expected", "run"))
