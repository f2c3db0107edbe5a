"""Whether the source has a day already: what a trigger asks that waits for a vendor's data."""

from datetime import date
from typing import Annotated, Any

from pydantic import WithJsonSchema

from app.definitions import query
from app.stocks import calendar, dictionary
from app.stocks.sources import Data, Source, Unavailable, open_source

_OURS = ("quarantine", "corrections", "code_changes", "confirmed_empty")
OFFERED = sorted(name for name, spec in dictionary.DATASETS.items() if not spec.made_of and name not in _OURS)
"""The datasets that some source could have: those that nothing here is computed of or written down in."""

Offered = Annotated[str, WithJsonSchema({"type": "string", "enum": OFFERED})]
"""The schema tells who stores a trigger which names there are; a source may offer less."""


@query
def source_readiness(context: Any, *, dataset: Offered, trade_date: date) -> dict[str, Any]:
    """`ready`: what the source announces of that day, null where it announces nothing; then `rows` of it and of the session
    before tell how much of it is there. `detail` is for people. `dataset`: one of those that the source offers.
    """
    sessions = context.sessions("XSHG")
    source = open_source(context.settings, sessions, context.now())
    health = source if isinstance(source, Unavailable) else source.health()
    if isinstance(source, Unavailable) or isinstance(health, Unavailable):
        assert isinstance(health, Unavailable)
        return _told(False, health.detail)
    if dataset not in source.capabilities():
        return _told(False, f"the source {source.name!r} does not offer {dataset!r}")
    if health.announced:
        return _told(health.ready_through >= trade_date, f"the source's data are ready through {health.ready_through}")
    before = calendar.back(sessions, trade_date, 2)
    rows = [_rows(source, dataset, day) for day in (trade_date, before)]
    detail = f"{rows[0]} rows of {trade_date}, {rows[1]} of {before}"
    return {**_told(None, detail), "rows": rows[0], "rows_before": rows[1]}


def _told(ready: bool | None, detail: str) -> dict[str, Any]:
    return {"ready": ready, "rows": None, "rows_before": None, "detail": detail}


def _rows(source: Source, dataset: str, day: date) -> int:
    ask = source.fundamentals if dataset == "fundamentals" else source.daily_bars
    answer = ask(None, day, day)
    return answer.table.num_rows if isinstance(answer, Data) else 0
