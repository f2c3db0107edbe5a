"""change_by_hand: what a person puts right or takes back; and what a face asks before and after."""

import json
from datetime import UTC, date
from typing import Any

import pyarrow as pa

from app.definitions import Dataset, OpContext, op, query
from app.errors import Invalid
from app.stocks import dictionary
from app.stocks.corrections import over, proposal, values
from app.stocks.corrections.change import Change, Correct, Withdraw
from app.stocks.ids import canonical
from app.stocks.intake.window import known_sessions
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.lake.rows import keys_of

_BARS = "daily_bars"


@op
def change_by_hand(context: OpContext, *, change: Change) -> Dataset:
    """Stage what a person puts right, and the row as it is with that; or take corrections back.

    Raises Invalid where that may not be: what was true when it was asked for may have changed since.
    """
    made = _correct(context, change) if isinstance(change, Correct) else _withdraw(context, change)
    context.log.info(f"{change.kind} by {change.who}: {change.reason}", **made)
    return Dataset(_BARS, 1)


def _correct(context: OpContext, change: Correct) -> dict[str, Any]:
    lake, day = market_lake(context), change.trade_date
    found = proposal.propose(lake, known_sessions(context), change.dataset, change.order_book_id, day, change.values)
    found.faults.finish("The correction is not valid.")
    at = context.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    facts = {"reason": change.reason, "who": change.who, "at": at}
    rows = proposal.table(change.dataset, found.order_book_id, day, found.after, **facts)
    # What the source says is not what an earlier correction put there.
    known = _by_column(lake, change.dataset, found.order_book_id, day)
    said = [known.get(name, {"replaced": values.text(found.before[name])})["replaced"] for name in found.after]
    place = rows.schema.get_field_index("replaced")
    lake.stage(over.NAME, rows.set_column(place, "replaced", pa.array(said, pa.string())))
    lake.stage(change.dataset, found.row)
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


def _by_column(lake: MarketLake, dataset: str, order_book_id: str, day: date) -> dict[str, dict[str, Any]]:
    standing = over.of(lake, dataset, start=day, end=day, symbols=[order_book_id])
    return {row["column"]: row for row in standing.to_pylist()}


@query
def correction_plan(
    context: Any, *, dataset: str, order_book_id: str, trade_date: date, values: dict[str, Any]
) -> dict[str, Any]:
    """What a correction would change: the instrument's canonical id, each column `before` and `after`; nothing is done.

    `faults`: why it may not be, each with its place in the request and a sentence.
    """
    lake = market_lake(context)
    found = proposal.propose(lake, context.sessions("XSHG"), dataset, order_book_id, trade_date, values)
    faults = [{"pointer": fault.pointer, "message": fault.message} for fault in found.faults.found]
    return {"order_book_id": found.order_book_id, "faults": faults, "before": found.before, "after": found.after}


@query
def corrections_of(context: Any, *, dataset: str, symbol: str | None = None) -> dict[str, Any]:
    """`items`: the corrections that stand, by instrument, day and column; `fault`: why that dataset has none, else empty."""
    fault = proposal.no_dataset(dataset)
    narrow = {"symbols": [canonical(symbol) or symbol]} if symbol is not None else {}
    rows = [] if fault else over.of(market_lake(context), dataset, **narrow).to_pylist()
    return {"fault": fault, "items": [{**row, "value": _json(row["value"]), "replaced": _json(row["replaced"])} for row in rows]}


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)
