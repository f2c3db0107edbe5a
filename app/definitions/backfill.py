"""A backfill: a job done again for the trade dates of a range. What its document may say, and how dates become chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Literal

from pydantic import Field

from app.definitions.faults import Faults
from app.definitions.job import Priority, priority_of
from app.definitions.plain import must_be_plain
from app.definitions.shape import DayText, Name, Params, Shape, read
from app.errors import Invalid

YEARS = 50
"""How long a range may be. So there are at most 18,263 chunks: one for each of its days."""

PRIORITY = 10
"""Of its runs unless it says another: what a schedule or a trigger started goes first."""

EXAMPLE = {"from": "2026-01-01", "to": "2026-11-20", "only": "missing", "chunk": "month"}
STOP_AFTER = 50
"""The most failures in a row: chunks that are refused follow one another in one transaction, and all others wait for it."""

RANGE_PARAMS = ("start_date", "end_date")
"""The params by which a pipeline takes a range instead of one trade date."""

ChunkBy = Literal["date", "month", "year", "all"]
_DETAIL = "The backfill is not valid."
_HINT = 'For example {"from": "2026-01-01", "to": "2026-11-20", "only": "missing"}.'


class BackfillDocument(Shape):
    """A backfill as it is asked for."""

    from_: DayText = Field(alias="from", description="The first trade date.")
    to: DayText | None = Field(None, description="The last trade date; default: today in Shanghai.")
    only: Literal["missing", "failed", "all"] = Field(
        "missing", description="Dates whose data have gaps or whose last run did not succeed; whose last run failed; or all."
    )
    dataset: Name | None = Field(
        None, description="Whose gaps count as missing; default: daily_bars, for a job whose ops handle datasets."
    )
    params: Params = Field(default_factory=dict, description="Of every run, over the job's.")
    chunk: ChunkBy = Field(
        "date", description="A run for each trade date; or for each month, year or all of it, with start_date and end_date."
    )
    order: Literal["newest", "oldest"] = Field("newest", description="Which chunk comes first.")
    triggers: Literal["once_at_end", "each", "none"] = Field(
        "once_at_end", description="When what waits for the job fires: once behind the last chunk, after each, or not at all."
    )
    max_concurrent_runs: int = Field(1, ge=1, le=100, description="Within the job's own limit.")
    priority: Priority = Field(None, description=f"0 to 100, higher first; or high, medium, low. Default: {PRIORITY}.")
    stop_after: int = Field(5, ge=1, le=STOP_AFTER, description="It stops when so many chunks in a row failed.")


@dataclass(frozen=True)
class Backfill:
    """A valid request. `document` is its canonical form, with both ends of the range."""

    document: dict[str, Any]
    first: date
    last: date
    only: str
    dataset: str | None
    params: dict[str, Any]
    chunk: ChunkBy
    order: str
    triggers: str
    max_concurrent_runs: int
    priority: int
    stop_after: int


@dataclass(frozen=True)
class Chunk:
    """What one run is about: `sessions` trade dates, from the first to the last."""

    first: date
    last: date
    sessions: int


def parse_backfill(document: object, today: date) -> Backfill:
    """The backfill that the document asks for. Raises Invalid with every fault."""
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, bad = read(BackfillDocument, document, faults)
    if isinstance(document, dict) and not {"from", "from_", "to"} & bad:
        _check_range(date.fromisoformat(document["from"]), _last(document.get("to"), today), today, faults)
    if isinstance(document, dict) and not {"chunk", "params"} & bad and document.get("chunk", "date") != "date":
        for name in RANGE_PARAMS:
            if name in document.get("params", {}):
                faults.add(("params", name), f"is set by each chunk: with chunk {document['chunk']!r} leave it out")
    if faults:
        raise Invalid(_DETAIL, hint=_HINT, faults=faults.found)
    assert model is not None
    return backfill_of({**model.plain(), "to": _last(model.to, today).isoformat()})


def backfill_of(document: dict[str, Any]) -> Backfill:
    """The backfill of a canonical document."""
    model = BackfillDocument.model_validate(document)
    priority = priority_of(model.priority)
    return Backfill(
        document=document,
        first=date.fromisoformat(model.from_),
        last=date.fromisoformat(str(model.to)),
        only=model.only,
        dataset=model.dataset,
        params=model.params,
        chunk=model.chunk,
        order=model.order,
        triggers=model.triggers,
        max_concurrent_runs=model.max_concurrent_runs,
        priority=PRIORITY if priority is None else priority,
        stop_after=model.stop_after,
    )


def _last(text: str | None, today: date) -> date:
    return date.fromisoformat(text) if text is not None else today


def _check_range(first: date, last: date, today: date, faults: Faults) -> None:
    if first > today:
        faults.add(("from",), f"{first} is after today ({today} in Shanghai): a backfill is about days that are over")
    elif last > today:
        faults.add(("to",), f"{last} is after today ({today} in Shanghai): leave it out to go as far as today")
    elif first > last:
        faults.add(("to",), f"{last} lies before from ({first})")
    elif (first.year + YEARS, first.month, first.day) <= (last.year, last.month, last.day):
        faults.add(("from",), f"from {first} to {last} are more than {YEARS} years: ask for a part of it")


def cut(days: Sequence[date], by: ChunkBy, order: str) -> list[Chunk]:
    """The chunks of these trade dates, which are in order; none of no dates."""
    if by == "date":
        groups = [[day] for day in days]
    elif by == "all":
        groups = [list(days)] if days else []
    else:
        width = len("2026-11") if by == "month" else len("2026")
        groups = [list(own) for _, own in groupby(days, key=lambda day: day.isoformat()[:width])]
    chunks = [Chunk(own[0], own[-1], len(own)) for own in groups]
    return chunks[::-1] if order == "newest" else chunks
