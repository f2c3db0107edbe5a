"""Which trade dates a publication releases: those that it changes, where bars, indicators and scores agree on them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import FileFacts, Release, StagedFile
from app.stocks import dictionary
from app.stocks.lake import origin
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.merge import difference, equal
from app.stocks.lake.staging import Staging
from app.stocks.schema import Spec

DATED = ("daily_bars", "indicators", "scores")
"""What stands on a trade date of every source. Fundamentals bear the dates of reports: indicators of a date stand on them."""

_EXACT = 2
"""How many of a dataset's newest months, beside the first, are compared row by row. Of those in between every date counts: they
are staged when something long ago changed, and then all that came after it did."""


def released(folder: Path, staging: Staging, staged: Sequence[StagedFile]) -> list[Release]:
    """The trade dates that these staged files change, if the run has scored all that it staged; in order.

    A run that publishes bars or indicators alone releases nothing: the one that scores them does.
    """
    own = [file for file in staged if file["dataset"] in DATED]
    if not own or not _agree(staging):
        return []
    changed = {day for name in DATED for day in _changed(folder, [file for file in own if file["dataset"] == name])}
    months = {file["partition"] for file in own}
    scored = {day for file in staging.files("scores") if file["partition"] in months for day in _days(folder, file)}
    said = staging.facts("daily_bars")
    return [{"trade_date": day, "coverage": _coverage(said, day)} for day in sorted(changed & scored)]


def _agree(staging: Staging) -> bool:
    """Whether the run has scored, and its indicators are made of what stands there now."""
    made: dict[str, Any] = staging.facts("indicators").get("made_from") or {}
    inputs = {name: stamps for name, stamps in made.items() if name in dictionary.DATASETS}
    current = all(stamps == origin.stamps(staging.files(name)) for name, stamps in inputs.items())
    return "daily_bars" in inputs and current and "made_from" in staging.notes("scores")


def _changed(folder: Path, files: Sequence[StagedFile]) -> set[str]:
    exact = {file["partition"] for file in (*files[:1], *files[-_EXACT:])}
    return {day for file in files for day in _new(folder, file, compare=file["partition"] in exact)}


def _new(folder: Path, file: StagedFile, *, compare: bool) -> set[str]:
    """The dates on which a row of the staged file differs from the one that it replaces."""
    base = folder / file["base"] if file["base"] else None
    if base is None or not compare or not base.is_file():
        return _days(folder, file)
    spec = dictionary.get(file["dataset"])
    old, new = Cursor(base, spec).take(), Cursor(folder / file["path"], spec).take()
    known = pc.is_in(new.column("trade_date"), value_set=pc.unique(old.column("trade_date")))
    fresh, rest = new.filter(pc.invert(known)), new.filter(known)
    if _same_keys(spec, old, rest):
        # A day that was added is what happens every day, and takes a third of the time this way.
        changed = rest.filter(pa.array(~equal(spec, old, rest)))
        return _texts((fresh.column("trade_date"), changed.column("trade_date")))
    change = difference(spec, old, new)
    return _texts((change.changed.column("trade_date"), change.gone.column("trade_date")))


def _same_keys(spec: Spec, old: pa.Table, new: pa.Table) -> bool:
    return len(old) == len(new) and all(
        old.column(name).cast(kind).equals(new.column(name).cast(kind))
        for name in spec.key
        if (kind := spec.by_name[name].arrow.type)
    )


def _days(folder: Path, file: FileFacts) -> set[str]:
    spec = dictionary.get(file["dataset"])
    return _texts([Cursor(folder / file["path"], spec, ["trade_date"]).take().column("trade_date")])


def _texts(columns: Iterable[pa.ChunkedArray]) -> set[str]:
    return {day.isoformat() for column in columns for day in pc.unique(column).to_pylist()}


def _coverage(said: dict[str, Any], day: str) -> float | None:
    """How much of the expected rows of that day are there; None for a day that the newest examination did not look at."""
    incomplete: dict[str, float] = said.get("incomplete") or {}
    if not str(said.get("checked_from", "9999")) <= day <= str(said.get("checked_to", "")):
        return None
    return incomplete.get(day, 1.0)
