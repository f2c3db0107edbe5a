"""`openbell quarantine`: rows that checks kept out, and letting one in."""

import uuid
from typing import Annotated

import typer

from app.cli import screen
from app.cli.corrections import Reason, Who
from app.cli.made import Timeout, Wait, made
from app.cli.options import Json
from app.cli.service import connect, path

quarantine = typer.Typer(help="Rows that checks kept out: list them, let one in.", invoke_without_command=True)
_LIMIT = 100


@quarantine.callback()
def listed(
    context: typer.Context,
    symbol: Annotated[str | None, typer.Option(help="Of one instrument.")] = None,
    check: Annotated[str | None, typer.Option(help="Kept out by this check, as ohlc.")] = None,
    since: Annotated[str | None, typer.Option(help="From this trade date on.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this trade date.")] = None,
    overridden: Annotated[
        bool | None, typer.Option("--overridden/--standing", help="Let in by hand, or not; default: both.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many, of the newest days first.")] = _LIMIT,
    as_json: Json = False,
) -> None:
    """List rows that checks kept out, of the newest days first."""
    if context.invoked_subcommand is not None:
        return
    narrow = {"symbol": symbol, "check": check, "since": since, "until": until, "overridden": overridden, "limit": limit}
    found = connect().get("/quarantine", **narrow)
    if as_json:
        screen.document(found)
        return
    rows = (
        [one["fingerprint"], one["order_book_id"], one["trade_date"], one["check"], one["occurrences"], one["overridden_by"],
         one["reason"]]
        for one in found["items"]
    )  # fmt: skip
    head = ("fingerprint", "instrument", "date", "check", "times", "let in by", "why")
    screen.table(head, rows, spare=("times", "let in by"))
    if found["next_cursor"]:
        screen.complain(f"These are the first {limit}; --limit shows more, --since, --check and --symbol others.")


@quarantine.command()
def override(
    fingerprint: Annotated[str, typer.Argument(metavar="FINGERPRINT", help="As the list has it.")],
    reason: Reason,
    who: Who = None,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Let a row in, now and whenever exactly it comes again, and make anew what stands on it."""
    service = connect()
    body = {"reason": reason, **({"who": who} if who is not None else {})}
    run = service.post(path("quarantine", fingerprint, "override"), body, Idempotency_Key=str(uuid.uuid4()))
    made(service, run, wait=wait, timeout=timeout, as_json=as_json)
