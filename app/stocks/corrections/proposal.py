"""Whether a correction may be made, and the row that it makes: the same answer before the run and in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from app.definitions.faults import Faults
from app.definitions.names import suggestion
from app.stocks import dictionary
from app.stocks.corrections import over, values
from app.stocks.ids import canonical
from app.stocks.lake.market_lake import MarketLake
from app.stocks.quality import quarantine
from app.stocks.quality.screen import screen

DATASETS = ("daily_bars", "fundamentals")
"""What comes from a source, by instrument and day; everything else is made of these."""
_FIXED = ("order_book_id", "trade_date", "source")
_PRICES = ("open", "high", "low", "close")


@dataclass
class Proposal:
    """`row`: the corrected row, None where there are `faults`. `before` and `after`: its corrected columns."""

    order_book_id: str
    faults: Faults = field(default_factory=Faults)
    row: pa.Table | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def propose(
    lake: MarketLake, sessions: Sequence[date], dataset: str, symbol: str, day: date, given: Mapping[str, Any]
) -> Proposal:
    """The row with those values, or every reason why it may not be; the reasons point into a request's body."""
    made = Proposal(canonical(symbol) or symbol)
    if fault := no_dataset(dataset):
        made.faults.add(("path", "name"), fault)
        return made
    made.after = _read(dataset, given, made.faults)
    known = lake.read("instruments", columns=["order_book_id"]).column("order_book_id").unique().to_pylist()
    if made.order_book_id not in known:
        near = suggestion(made.order_book_id, known)
        made.faults.add(("order_book_id",), f"there is no instrument {made.order_book_id!r}{near}")
    if made.faults:
        return made
    rows = candidates(lake, dataset, made.order_book_id, day)
    if not rows.num_rows:
        what = f"{dataset} has no row of {made.order_book_id} on {day}, and none was kept out: a correction mends a row that came"
        made.faults.add(("trade_date",), f"{what}; completion_job asks the source for one that is missing")
        return made
    made.before = {name: rows.column(name)[0].as_py() for name in made.after}
    mended = over.applied(dataset, rows, table(dataset, made.order_book_id, day, made.after))
    made.row = _fit(dataset, mended, sessions, made.faults)
    return made


def no_dataset(dataset: str) -> str:
    """Why nothing of that dataset can be corrected; empty when it can."""
    if dataset in DATASETS:
        return ""
    if dataset not in dictionary.DATASETS:
        return f"there is no dataset {dataset!r}{suggestion(dataset, DATASETS)}"
    made_of = dictionary.get(dataset).made_of
    return (
        f"{dataset} is made of {' and '.join(made_of)}: correct those" if made_of else f"corrected are {' and '.join(DATASETS)}"
    )


def candidates(lake: MarketLake, dataset: str, order_book_id: str, day: date) -> pa.Table:
    """The row of that key; where none was let in, those that were kept out."""
    rows = lake.read(dataset, start=day, end=day, symbols=[order_book_id])
    if rows.num_rows or dataset != quarantine.BARS:
        return rows
    return quarantine.rows(lake.read("quarantine", start=day, end=day, symbols=[order_book_id]))


def table(dataset: str, order_book_id: str, day: date, after: Mapping[str, Any], **facts: Any) -> pa.Table:
    """Those values as rows of `corrections`, with facts that all of them share."""
    key = {"dataset": dataset, "order_book_id": order_book_id, "trade_date": day}
    rows = [{**facts, **key, "column": name, "value": values.text(value)} for name, value in after.items()]
    return pa.Table.from_pylist(rows, schema=dictionary.get(over.NAME).arrow)


def screened(dataset: str, rows: pa.Table, sessions: Sequence[date]) -> tuple[pa.Table, str]:
    """Of rows with one key the one that may stand in the lake, if any, and why not."""
    if dataset != quarantine.BARS:
        return rows, ""
    found = screen(rows, sessions)
    reasons = found.kept_out.select(["check", "reason"]).to_pylist()
    return found.rows, "; ".join(f"{one['check']}: {one['reason']}" for one in reasons)


def _read(dataset: str, given: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    spec, read = dictionary.get(dataset), {}
    free = [name for name in spec.names if name not in _FIXED]
    for name, value in given.items():
        if name not in free:
            why = "says which row it is" if name in spec.by_name else f"is no column of {dataset}{faults.others(name, free)}"
            faults.add(("values", name), f"{why}; it cannot be corrected" if name in spec.by_name else why)
            continue
        try:
            read[name] = values.read(spec.by_name[name], value)
        except values.NoValue as error:
            faults.add(("values", name), str(error))
    return read


def _fit(dataset: str, rows: pa.Table, sessions: Sequence[date], faults: Faults) -> pa.Table | None:
    passed, why = screened(dataset, rows, sessions)
    if passed.num_rows != 1:
        faults.add(("values",), f"the row would be kept out with that ({why}); further columns may be corrected together with it")
        return None
    if dataset == quarantine.BARS and passed.column("is_suspended")[0].as_py():
        priced = [name for name in _PRICES if passed.column(name)[0].is_valid]
        if priced:
            faults.add(("values",), f"a suspended day has no {', '.join(priced)}: a day with prices is not suspended")
            return None
    return passed
