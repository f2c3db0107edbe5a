"""`openbell correct` and `corrections`: values put right over whatever the source says, taken back, listed."""

import uuid
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.made import Timeout, Wait, made
from app.cli.options import Json, value
from app.cli.service import connect, path

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="The instrument, as 600000.XSHG or 600000.")]
Date = Annotated[str, typer.Argument(metavar="DATE", help="The trade date, as 2026-11-20.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence; it stands beside the value.")]
Who = Annotated[str | None, typer.Option(help="Who says so; default: the name of the key.")]
Dataset = Annotated[str, typer.Option(help="daily_bars or fundamentals.")]


def correct(
    symbol: Symbol,
    date: Date,
    changes: Annotated[list[str], typer.Argument(metavar="COLUMN VALUE...", help="The right values; with --withdraw columns.")],
    reason: Reason,
    who: Who = None,
    dataset: Dataset = "daily_bars",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the corrections of these columns back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would change; do nothing.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Put values of one row right, and make anew what stands on them. It outlasts every sync until it is withdrawn."""
    service, where = connect(), path("datasets", dataset, "corrections")
    row = {"order_book_id": symbol, "trade_date": date}
    said = {"reason": reason, **({"who": who} if who is not None else {})}
    if withdraw:
        run = service.delete(where, **row, **said, columns=",".join(changes))
        made(service, run, wait=wait, timeout=timeout, as_json=as_json)
        return
    if len(changes) % 2:
        raise typer.BadParameter(f"{changes[-1]!r} has no value: write COLUMN VALUE, as close 10.25")
    values = {name: value(text) for name, text in zip(changes[::2], changes[1::2], strict=True)}
    body: dict[str, Any] = {**row, "values": values, **said}
    if dry_run:
        answer = service.post(f"{where}/plan", body)
        screen.document(answer) if as_json else _plan(answer)
        return
    run = service.post(where, body, Idempotency_Key=str(uuid.uuid4()))
    made(service, run, wait=wait, timeout=timeout, as_json=as_json)


def corrections(
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL", help="Those of one instrument.")] = None,
    dataset: Dataset = "daily_bars",
    as_json: Json = False,
) -> None:
    """List the values that were put right and stand over what the source says."""
    found = list(connect().items(path("datasets", dataset, "corrections"), symbol=symbol))
    if as_json:
        screen.document(found)
        return
    rows = (
        [one["order_book_id"], one["trade_date"], one["column"], exact(one["value"]), exact(one["replaced"]), one["who"],
         screen.instant(one["at"]), one["reason"]]
        for one in found
    )  # fmt: skip
    head = ("instrument", "date", "column", "value", "source says", "who", "at", "why")
    screen.table(head, rows, spare=("source says", "who", "at"))


def exact(number: Any) -> Any:
    """A value with all its digits, as what is compared digit by digit needs it."""
    return repr(number) if isinstance(number, float) else number


def _plan(plan: dict[str, Any]) -> None:
    screen.line(f"{plan['dataset']} {plan['order_book_id']} {plan['trade_date']}: this would change")
    rows = ([name, exact(plan["before"][name]), exact(new)] for name, new in plan["after"].items())
    screen.table(("column", "before", "after"), rows)
