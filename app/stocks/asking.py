"""What someone wants of a dataset, checked against the dictionary and the lake: every fault at once, with what was meant."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.definitions.faults import Faults
from app.errors import NotFound
from app.stocks import dictionary
from app.stocks.adjusting import Adjust
from app.stocks.ids import canonical
from app.stocks.lake.page import Choice
from app.stocks.schema import Spec

ADJUSTABLE = "daily_bars"
_SHOWN = 20
"""Faults of one kind that are told."""


def spec_of(dataset: str) -> Spec:
    """The dataset's entry. Raises NotFound with a suggestion."""
    try:
        return dictionary.get(dataset)
    except ValueError as error:
        said = str(error)
        raise NotFound(said[0].upper() + said[1:] + ".") from None


def choose(
    lake: Any,
    spec: Spec,
    *,
    columns: Sequence[str] | None,
    symbols: Sequence[str] | None,
    start: date | None,
    end: date | None,
    adjust: Adjust = "none",
) -> tuple[list[str], Choice]:
    """The columns in the dictionary's order, and which rows. Raises Invalid, with pointers as `/query/columns`."""
    faults = Faults()
    for name in [name for name in columns or () if name not in spec.by_name][:_SHOWN]:
        faults.add(("query", "columns"), f"{spec.name!r} has no column {name[:40]!r}{faults.others(name, spec.names)}")
    if columns is not None and not columns:
        faults.add(("query", "columns"), "names no column: leave it out for all of them")
    if (start or end) and spec.date_column is None:
        faults.add(("query", "start_date" if start else "end_date"), f"{spec.name!r} has no trade_date: leave the dates out")
    elif start and end and start > end:
        faults.add(("query", "end_date"), f"{end} lies before start_date, {start}")
    if adjust != "none" and spec.name != ADJUSTABLE:
        faults.add(("query", "adjust"), f"is of {ADJUSTABLE!r} alone; {spec.name!r} comes as it is")
    wanted = None if symbols is None else _symbols(lake, spec, symbols, faults)
    faults.finish(f"This cannot be asked of the dataset {spec.name!r}.")
    chosen = [name for name in spec.names if columns is None or name in columns]
    return chosen, Choice(start, end, wanted)


def _symbols(lake: Any, spec: Spec, symbols: Sequence[str], faults: Faults) -> list[str]:
    """The canonical ids. What the lake's instruments do not know is a fault, unless it knows none at all."""
    found = list(dict.fromkeys(canonical(text) or text.strip() for text in symbols))
    if "order_book_id" not in spec.by_name:
        faults.add(("query", "symbols"), f"{spec.name!r} has no order_book_id: leave symbols out")
        return found
    known = set(lake.read("instruments", columns=["order_book_id"]).column("order_book_id").to_pylist())
    for unknown in [one for one in found if known and one not in known][:_SHOWN]:
        faults.add(("query", "symbols"), f"there is no instrument {unknown[:40]!r}{faults.near(unknown, known)}")
    return found
