"""`openbell repair`: a trade date once more from the source, with everything that stands on it."""

import uuid
from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.made import Timeout, Wait, made
from app.cli.options import Json
from app.cli.service import connect


def repair(
    date: Annotated[str, typer.Option(help="The trade date, as 2026-11-20.")],
    symbols: Annotated[str | None, typer.Option(help="Instruments by comma, as 600000.XSHG,000001.XSHE; default: all.")] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would touch; do nothing.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Fetch a trade date again and make anew what stands on it: indicators from then on, scores, one publication."""
    named = [one.strip() for one in symbols.split(",") if one.strip()] if symbols is not None else None
    body: dict[str, Any] = {"trade_date": date, "symbols": named, **({"note": note} if note is not None else {})}
    service = connect()
    if dry_run:
        answer = service.post("/repairs/plan", body)
        screen.document(answer) if as_json else _plan(answer)
        return
    made(service, service.post("/repairs", body, Idempotency_Key=str(uuid.uuid4())), wait=wait, timeout=timeout, as_json=as_json)


def _plan(plan: dict[str, Any]) -> None:
    screen.line(f"{plan['trade_date']}: {plan['instruments']} instruments are fetched again; at most this changes:")
    rows = (
        [one["dataset"], one["rows"], one["first_date"], one["last_date"], len(one["partitions"])] for one in plan["datasets"]
    )
    screen.table(("dataset", "rows", "from", "to", "partitions"), rows, spare=("partitions",))
