"""What a face asks before a change by hand, and after it."""

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.definitions import query
from app.stocks.corrections import letting_in, over, proposal
from app.stocks.ids import canonical
from app.stocks.lake.market_lake import market_lake

_ORDER = [("trade_date", "descending"), ("order_book_id", "ascending"), ("fingerprint", "ascending")]


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


@query
def override_plan(context: Any, *, fingerprint: str) -> dict[str, Any]:
    """The row that would be let in, `entry`, null where none has that fingerprint; `fault`: why it may not be, else empty."""
    lake = market_lake(context)
    found = letting_in.entry(lake, fingerprint)
    if not found.num_rows:
        return {"entry": None, "fault": ""}
    return {"entry": _shown(found.to_pylist()[0]), "fault": letting_in.refusal(lake, found)}


@query
def quarantined(
    context: Any,
    *,
    symbol: str | None = None,
    check: str | None = None,
    start: date | None = None,
    end: date | None = None,
    overridden: bool | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Rows that were kept out, of the newest days first; those behind the fingerprint `after`.

    `symbol`, `check`, `start`, `end` and `overridden` (whether a person let them in) narrow.
    """
    symbols = None if symbol is None else [canonical(symbol) or symbol]
    rows = market_lake(context).read("quarantine", start=start, end=end, symbols=symbols)
    if check is not None:
        rows = rows.filter(pc.equal(rows.column("check"), check))
    if overridden is not None:
        grown = "overridden_at" in rows.column_names
        by_hand = pc.is_valid(rows.column("overridden_at")) if grown else pa.array([False] * rows.num_rows, pa.bool_())
        rows = rows.filter(by_hand if overridden else pc.invert(by_hand))
    rows = rows.sort_by(_ORDER)
    place = pc.index(rows.column("fingerprint"), after).as_py() + 1 if after is not None else 0
    return [_shown(row) for row in rows.slice(place, limit).to_pylist()]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    nobody = dict.fromkeys(("overridden_at", "overridden_by", "override_reason"))
    return {**nobody, **row, "row": json.loads(row["row"])}
