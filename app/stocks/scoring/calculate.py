"""Scoring the months whose input changed, from the lake to the lake."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import FileFacts
from app.stocks.dictionary.scores import BUILT_IN, OWN
from app.stocks.lake import origin
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.merge import upsert
from app.stocks.lake.rows import form
from app.stocks.lake.sweep import Block, Sweep
from app.stocks.scoring import neutralise as neutralising
from app.stocks.scoring import weights as weighing
from app.stocks.scoring.month import FROM_BARS, Month, Rules
from app.stocks.scoring.neutralise import Exposure, Industries, exposures
from app.stocks.scoring.universe import LONG_AGO, NEVER, Universe, as_days, listed_dates

VERSION = 1
"""Raised when the arithmetic changes: every month is scored again."""

_THREADS = 2


@dataclass(frozen=True)
class Result:
    """How many rows were scored, in how many months."""

    rows: int
    months: int


def calculate(
    lake: MarketLake,
    sessions: Sequence[date],
    *,
    weights: Mapping[str, float] | None = None,
    universe: Universe | None = None,
    min_factors: int = 3,
    own: Collection[str] = (),
    neutralise: Collection[Exposure] = (),
    start: date | None = None,
    end: date | None = None,
) -> Result:
    """Stage the scores of every month whose bars, indicators, listings or rules changed since it was scored.

    `own` are the factors of one's own that weights may name; their columns must be up to date. `start` and `end` narrow
    the dates; what they leave out stays due. Raises ValueError for weights that cannot be, Invalid where the lake cannot tell
    what `neutralise` is to take out.
    """
    rules = Rules(
        weighing.check(weights, min_factors, own), universe or Universe(), min_factors, as_days(sessions), exposures(neutralise)
    )
    neutralising.check(lake, rules.neutralise, rules.weights)
    scoring = _Scoring(lake, rules, start, end)
    return scoring.run()


class _Scoring:
    def __init__(self, lake: MarketLake, rules: Rules, start: date | None, end: date | None) -> None:
        self._lake = lake
        self._rules = rules
        self._start = start
        self._end = end
        self._first: dict[str, int] = {}
        self._own = [name for name in rules.weights if name not in BUILT_IN]
        self._narrowed = start is not None or end is not None
        self._industries = Industries(lake.read("instruments")) if "industry" in rules.neutralise else None
        listed = listed_dates(lake.read("instruments", columns=["order_book_id", "listed_date"]))
        self._listed = listed
        days = np.fromiter(listed.values(), dtype=np.int32, count=len(listed))
        self._eligible = dict(zip(listed, rules.universe.eligible_from(days, rules.sessions).tolist(), strict=True))

    def run(self) -> Result:
        facts = self._lake.facts("scores")
        made = origin.remembered(facts, VERSION) or {"months": {}}
        if self._own or facts.get(OWN):
            # Of a part of the dates only: the others keep the contributions that they have.
            kept = (facts.get(OWN) or ()) if self._narrowed else ()
            own: dict[str, Any] = {OWN: sorted({*self._own, *kept})}
            self._lake.note("scores", **own)
        stamps = {file["partition"]: self._stamp(file) for file in self._lake.files("daily_bars")}
        due = [month for month, stamp in stamps.items() if made["months"].get(month) != stamp and self._wanted(month)]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="scores") as pool:
            # In a copy of the context: the step that stages is known by it.
            scored = [pool.submit(copy_context().run, self._score, month) for month in due]
            rows = [month.result() for month in scored]
        # A month that was scored in part is neither what it was nor what it should be: it stays due.
        known = {name: stamp for name, stamp in made["months"].items() if name not in due} if self._narrowed else stamps
        self._lake.note("scores", made_from={"version": VERSION, "months": known})
        self._lake.carry_notes("indicators", "scores")
        return Result(sum(rows), len(due))

    def _since(self, symbol: str) -> int:
        """The first day on which an instrument may take part."""
        if symbol not in self._first:
            known = self._eligible.get(symbol, int(LONG_AGO))
            self._first[symbol] = known if self._rules.universe.has(symbol) else int(NEVER)
        return self._first[symbol]

    def _wanted(self, month: str) -> bool:
        first, last = _bounds(month)
        return (self._start is None or self._start <= last) and (self._end is None or self._end >= first)

    def _stamp(self, bars: FileFacts) -> str:
        """A hash of all that a month's scores depend on."""
        month = bars["partition"]
        first, last = (int(day) for day in as_days(_bounds(month)))
        sessions = self._rules.sessions
        young = {symbol: day for symbol, day in sorted(self._eligible.items()) if day > first and self._listed[symbol] <= last}
        said = {
            "bars": origin.stamp(bars),
            "indicators": self._stamp_of("indicators", month),
            "young": young,
            "sessions": sessions[(sessions > first) & (sessions <= last)].tolist(),
            "next": sessions[sessions > last][:1].tolist(),
            **({"factors": self._stamp_of("factors", month)} if self._own else {}),
            **self._neutral_stamp(first, last),
            "weights": self._rules.weights,
            "universe": self._rules.universe.model_dump(),
            "min_factors": self._rules.min_factors,
        }
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]

    def _neutral_stamp(self, first: int, last: int) -> dict[str, Any]:
        by = self._rules.neutralise
        industries = {"industries": self._industries.stamp(first, last)} if self._industries else {}
        return {"neutralise": by, **industries} if by else {}

    def _stamp_of(self, dataset: str, month: str) -> str | None:
        return next((origin.stamp(file) for file in self._lake.files(dataset) if file["partition"] == month), None)

    def _score(self, partition: str) -> int:
        month = Month(
            self._block("daily_bars", partition, FROM_BARS),
            self._block("indicators", partition, self._rules.indicators()),
            self._block("factors", partition, self._own) if self._own else None,
        )
        first, last = _bounds(partition)
        start, end = as_days([max(first, self._start or first), min(last, self._end or last)]).tolist()
        spec = self._lake.spec("scores")
        parts = month.score(self._rules, self._since, start, end, spec, self._industries)
        rows = parts[0][1] if parts else form(spec).empty_table()
        scored = len(rows)
        path = self._lake.path("scores", partition)
        if self._narrowed and path is not None:
            rows = upsert(spec, _outside(Cursor(path, spec).take(), start, end), rows)
        self._lake.replace("scores", partition, rows)
        return scored

    def _block(self, dataset: str, partition: str, columns: Sequence[str]) -> Block:
        files = [file for file in self._lake.files(dataset) if file["partition"] == partition]
        return Sweep(self._lake.folder, self._lake.spec(dataset), files, columns).take(None)


def _bounds(month: str) -> tuple[date, date]:
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _outside(rows: pa.Table, start: int, end: int) -> pa.Table:
    days = rows.column("trade_date").cast(pa.int32())
    return rows.filter(pc.or_(pc.less(days, start), pc.greater(days, end)))
