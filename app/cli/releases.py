"""`openbell releases` and `openbell snapshots`: which trade dates readers have, what was published, kept and put back."""

import uuid
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import connect, path

Number = Annotated[int, typer.Argument(metavar="SNAPSHOT", help="Its number.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence.")]
_LISTED = 20
_SPARE = ("run", "why", "coverage")


def releases(
    date: Annotated[str | None, typer.Argument(metavar="[DATE]", help="One trade date with its history, or `latest`.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many dates.")] = _LISTED,
    as_json: Json = False,
) -> None:
    """Which trade dates are released: complete, partial, blocked or withdrawn, and in which snapshot readers have them."""
    service = connect()
    answer = service.get(path("releases", date)) if date is not None else service.get("/releases", limit=limit)
    if as_json:
        screen.document(answer)
        return
    if date is None:
        headers = ("date", "status", "readers have", "coverage", "run", "why")
        rows = ([*_stands(one), one["coverage"], one["run_id"], one["detail"]] for one in answer["items"])
        screen.table(headers, rows, spare=_SPARE)
        return
    screen.facts(dict(zip(("date", "status", "readers have"), _stands(answer), strict=True)))
    _history(answer["history"])


def snapshots(
    number: Annotated[int | None, typer.Argument(metavar="[SNAPSHOT]", help="One, with what it names.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = _LISTED,
    as_json: Json = False,
) -> None:
    """What was published, newest first; with a number what each dataset is in that snapshot, and by which run."""
    service = connect()
    answer = service.get(path("snapshots", str(number))) if number is not None else service.get("/snapshots", limit=limit)
    if as_json:
        screen.document(answer)
    elif number is None:
        headers = ("snapshot", "published", "kind", "kept", "pinned", "changed", "run")
        rows = ([*_made(one), ", ".join(one["changed"]), one["run_id"]] for one in answer["items"])
        screen.table(headers, rows, spare=("changed", "run", "kind", "pinned"))
    else:
        _one(answer)


def pin(number: Number, reason: Reason, as_json: Json = False) -> None:
    """Keep a snapshot until it is unpinned."""
    answer = connect().post(path("snapshots", str(number), "pin"), {"reason": reason})
    screen.document(answer) if as_json else screen.line(f"{number}\tpinned")


def unpin(number: Number, as_json: Json = False) -> None:
    """Keep a snapshot no longer than others."""
    answer = connect().post(path("snapshots", str(number), "unpin"))
    screen.document(answer) if as_json else screen.line(f"{number}\tnot pinned")


def restore(number: Number, reason: Reason, as_json: Json = False) -> None:
    """Publish a snapshot's files again, as a new snapshot. What runs publish at the same time begins again on it."""
    body = {"reason": reason}
    answer = connect().post(path("snapshots", str(number), "restore"), body, Idempotency_Key=str(uuid.uuid4()))
    screen.document(answer) if as_json else screen.line(f"{answer['snapshot']}\trestores {number}")


def _history(entries: list[dict[str, Any]]) -> None:
    told = ("status", "snapshot", "kept", "coverage", "run_id", "detail")
    rows = ([screen.instant(one["decided_at"]), *(one[name] for name in told)] for one in entries)
    screen.table(("at", "status", "snapshot", "kept", "coverage", "run", "why"), rows, spare=(*_SPARE, "kept"))


def _stands(one: dict[str, Any]) -> list[Any]:
    return [one["trade_date"], one["status"], one["readable_snapshot"]]


def _made(one: dict[str, Any]) -> list[Any]:
    kind = f"restores {one['restores']}" if one["kind"] == "restore" else one["kind"]
    pinned = one["pin"]["reason"] if one["pin"] else None
    return [one["snapshot"], screen.instant(one["published_at"]), kind, "kept" if one["kept"] else "gone", pinned]


def _one(answer: dict[str, Any]) -> None:
    names = ("snapshot", "published", "kind", "kept", "pinned")
    screen.facts({**dict(zip(names, _made(answer), strict=True)), "run": answer["run_id"]})
    headers = ("dataset", "version", "rows", "from", "to", "quality", "of snapshot", "run")
    rows = (
        [one[name] for name in ("dataset", "version", "rows", "min_date", "max_date", "quality", "snapshot", "run_id")]
        for one in answer["datasets"]
    )
    screen.table(headers, rows, spare=("run", "quality"))
