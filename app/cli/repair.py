"""`openbell repair`: a trade date once more from the source, with everything that stands on it."""

import uuid
from typing import Annotated, Any

import typer

from app.cli import follow, screen
from app.cli.options import Json
from app.cli.patience import Patient
from app.cli.service import connect

NOT_SUCCEEDED, TIME_UP = 1, 5


def repair(
    date: Annotated[str, typer.Option(help="The trade date, as 2026-11-20.")],
    symbols: Annotated[str | None, typer.Option(help="Instruments by comma, as 600000.XSHG,000001.XSHE; default: all.")] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would touch; do nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the steps until the run is final.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most; the run goes on.")] = None,
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
    made = service.post("/repairs", body, Idempotency_Key=str(uuid.uuid4()))
    if not wait:
        screen.document(made) if as_json else screen.line(made["id"])
        return
    patient = Patient(service, f"The run goes on: openbell runs {made['id']}", timeout)
    final = (follow.silently if as_json else follow.on_screen)(patient, made, timeout)
    if as_json:
        screen.document(final)
    if final["status"] != "succeeded":
        raise typer.Exit(NOT_SUCCEEDED if final["status"] in follow.FINAL else TIME_UP)


def _plan(plan: dict[str, Any]) -> None:
    screen.line(f"{plan['trade_date']}: {plan['instruments']} instruments are fetched again; at most this changes:")
    rows = (
        [one["dataset"], one["rows"], one["first_date"], one["last_date"], len(one["partitions"])] for one in plan["datasets"]
    )
    screen.table(("dataset", "rows", "from", "to", "partitions"), rows, spare=("partitions",))
