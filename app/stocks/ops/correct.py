"""change_by_hand: what a person puts right, takes back, lets in."""

from collections.abc import Callable
from datetime import UTC, date
from typing import Any

import pyarrow as pa

from app.definitions import Dataset, OpContext, op
from app.errors import Invalid
from app.stocks import dictionary
from app.stocks.corrections import letting_in, over, proposal, values
from app.stocks.corrections.change import Change, Correct, Override, Withdraw
from app.stocks.dictionary.market import OVERRIDDEN
from app.stocks.ids import canonical
from app.stocks.intake import confirmed
from app.stocks.intake.window import known_sessions
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.lake.rows import keys_of
from app.stocks.quality import quarantine

_BARS = "daily_bars"


@op
def change_by_hand(context: OpContext, *, change: Change) -> Dataset:
    """Stage what a person puts right, and the row as it is with that; take corrections back; or let a row in that was kept out.

    Raises Invalid where that may not be: what was true when it was asked for may have changed since.
    """
    made = _DO[change.kind](context, change)
    context.log.info(f"{change.kind} by {change.who}: {change.reason}", **made)
    return Dataset(_BARS, 1)


def _correct(context: OpContext, change: Correct) -> dict[str, Any]:
    lake, day = market_lake(context), change.trade_date
    found = proposal.propose(lake, known_sessions(context), change.dataset, change.order_book_id, day, change.values)
    found.faults.finish("The correction is not valid.")
    facts = {"reason": change.reason, "who": change.who, "at": _now(context)}
    rows = proposal.table(change.dataset, found.order_book_id, day, found.after, **facts)
    # What the source says is not what an earlier correction put there.
    known = _by_column(lake, change.dataset, found.order_book_id, day)
    said = [known.get(name, {"replaced": values.text(found.before[name])})["replaced"] for name in found.after]
    place = rows.schema.get_field_index("replaced")
    lake.stage(over.NAME, rows.set_column(place, "replaced", pa.array(said, pa.string())))
    _arrive(lake, change.dataset, found.row)
    return {"order_book_id": found.order_book_id, "trade_date": day.isoformat(), "before": found.before, "after": found.after}


def _withdraw(context: OpContext, change: Withdraw) -> dict[str, Any]:
    lake, symbol, day = market_lake(context), canonical(change.order_book_id) or change.order_book_id, change.trade_date
    known = _by_column(lake, change.dataset, symbol, day)
    names = list(known) if change.columns is None else change.columns
    if lacking := [name for name in names if name not in known] or ([] if known else ["any column"]):
        raise Invalid(f"there is no correction of {lacking[0]} of {symbol} on {day}", hint="openbell corrections lists them")
    rows = lake.read(change.dataset, start=day, end=day, symbols=[symbol])
    for name in names:
        column = rows.schema.field(name)
        spoken = known[name]["replaced"]
        was = values.value_of(dictionary.get(change.dataset).by_name[name], spoken) if spoken is not None else None
        rows = rows.set_column(rows.schema.get_field_index(name), column, pa.array([was] * len(rows), column.type))
    stands, why = proposal.screened(change.dataset, rows, known_sessions(context))
    if stands.num_rows:
        lake.stage(change.dataset, stands)
    else:
        lake.remove(change.dataset, keys_of(dictionary.get(change.dataset), rows))
    lake.remove(over.NAME, keys_of(dictionary.get(over.NAME), proposal.table(change.dataset, symbol, day, dict.fromkeys(names))))
    return {"order_book_id": symbol, "trade_date": day.isoformat(), "columns": names, "kept_out": why or None}


def _override(context: OpContext, change: Override) -> dict[str, Any]:
    lake = market_lake(context)
    entry = letting_in.entry(lake, change.fingerprint)
    why = letting_in.refusal(lake, entry) if entry.num_rows else f"there is no such row in quarantine: {change.fingerprint}"
    if why:
        raise Invalid(f"The row may not be let in: {why}.", hint="openbell quarantine lists what was kept out")
    row = quarantine.rows(entry)
    lake.note("quarantine", **{OVERRIDDEN: True})
    said = {"overridden_at": _now(context), "overridden_by": change.who, "override_reason": change.reason}
    lake.stage("quarantine", pa.Table.from_pylist([{**entry.to_pylist()[0], **said}], schema=lake.spec("quarantine").arrow))
    _arrive(lake, quarantine.BARS, row)
    key = row.select(["order_book_id", "trade_date"]).to_pylist()[0]
    return {**key, "trade_date": key["trade_date"].isoformat(), "fingerprint": change.fingerprint}


_DO: dict[str, Callable[[OpContext, Any], dict[str, Any]]] = {
    "correct": _correct,
    "withdraw": _withdraw,
    "override": _override,
}


def _arrive(lake: MarketLake, dataset: str, row: pa.Table | None) -> None:
    """Stage the row; that the source has none which is fit is no longer so."""
    lake.stage(dataset, row)
    if dataset == quarantine.BARS and row is not None:
        confirmed.forget(lake, row, row.slice(0, 0))


def _now(context: OpContext) -> str:
    return context.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _by_column(lake: MarketLake, dataset: str, order_book_id: str, day: date) -> dict[str, dict[str, Any]]:
    standing = over.of(lake, dataset, start=day, end=day, symbols=[order_book_id])
    return {row["column"]: row for row in standing.to_pylist()}
