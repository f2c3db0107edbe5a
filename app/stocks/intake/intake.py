"""Taking rows in: ask the source, keep out what cannot be true, infer suspensions, stage the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app import clock
from app.definitions import OpContext
from app.definitions.names import suggestion
from app.errors import Invalid
from app.stocks import bar_keys, calendar, code_changes, dictionary, gaps
from app.stocks.arrays import Ints
from app.stocks.corrections.over import over
from app.stocks.intake import confirmed, plan
from app.stocks.intake.failures import SourceMismatch, refused
from app.stocks.intake.plan import Span
from app.stocks.intake.reference import stage_instruments
from app.stocks.intake.window import LOOKBACK_SESSIONS, Window, closed
from app.stocks.lake.market_lake import market_lake
from app.stocks.quality import panel, quarantine, reports
from app.stocks.quality.gate import QualityGate
from app.stocks.quality.screen import Screened, screen
from app.stocks.sources import Answer, Data, Health, Source, Unavailable, open_source

REPORTS_BEFORE = timedelta(days=370)
"""Before the first bar stands a report that is in force on it: annual ones come a year apart."""
_RESUMES_WITHIN = timedelta(days=90)
"""How far behind the fetched days a row may stand that tells of a rest in them."""


@dataclass
class Taken:
    """What a step took in, in rows."""

    fetched: int = 0
    kept_out: int = 0
    inferred: int = 0
    confirmed: int = 0
    """Asked for and not to be had, or not fit."""

    @property
    def staged(self) -> int:
        """Rows that went into daily_bars."""
        return self.fetched - self.kept_out + self.inferred

    def report(self, context: OpContext) -> None:
        """As metrics of the step; its quality, before anybody has examined it, is the share of what came that may be true."""
        if self.fetched:
            context.metric("data_quality_score", round(1 - self.kept_out / self.fetched, 6))
        context.metric("fetched_rows", self.fetched)
        context.metric("quarantined_rows", self.kept_out)
        context.metric("inferred_rows", self.inferred)
        if self.confirmed:
            context.metric("confirmed_empty_rows", self.confirmed)


class Intake:
    """One step's way into the lake, from the configured source unless another is given."""

    def __init__(self, context: OpContext, sessions: list[date], given: Source | None = None) -> None:
        source = given or open_source(context.settings, sessions, context.now())
        if isinstance(source, Unavailable):
            raise refused(context.settings.source, source)
        self.context = context
        self.lake = market_lake(context)
        self.today = clock.market_date(context.now())
        self.source: Source = source
        self.sessions = sessions
        health = self._healthy()
        self.first = max(health.first_date, context.settings.history_start or date.min)
        self.ready = closed(context, sessions, health.ready_through)
        self.offered = source.capabilities()
        history = {"history_from": self.first.isoformat(), "ready_through": self.ready.isoformat()}
        context.lake.note("daily_bars", quality=None, source=source.name, offered=sorted(self.offered), **history)
        self.taken = Taken()

    def _healthy(self) -> Health:
        born = self.context.lake.facts("daily_bars").get("source")
        if born not in (None, self.source.name):
            hint = f"set OPENBELL_DATA_DIR to a new folder, or OPENBELL_SOURCE to {born} again"
            raise SourceMismatch(f"the lake was born with the source {born!r}, not {self.source.name!r}", hint=hint)
        health = self.source.health()
        if isinstance(health, Unavailable):
            raise refused(self.source.name, health)
        return health

    def roll(self, symbols: Sequence[str] | None = None) -> gaps.Roll:
        """Whom to expect, after the source's newest word on instruments. Raises Invalid for a symbol that it does not know."""
        table = self._table(self.source.instruments())
        changes = self._table(self.source.code_changes()) if "code_changes" in self.offered else None
        if table is not None:
            stage_instruments(self.lake, table, changes)
        return roll_of(self.context, symbols)

    def held(self, roll: gaps.Roll, window: Window) -> tuple[Ints, Ints]:
        """As `plan.held`; what the source confirmed not to have counts as there: it need not be asked for again."""
        first, last = plan.held(self.lake, roll, window)
        low, high = gaps.spans(roll, confirmed.standing(self.lake, self.today, self.source.edition))
        return np.minimum(first, low), np.maximum(last, high)

    def spans(self, roll: gaps.Roll, window: Window, symbols: Sequence[str] | None, *, refetch: bool) -> list[Span]:
        """What to ask for: with `refetch` all of the window, else what the lake lacks of it.

        Where no `symbols` narrow it, whatever is no known instrument comes along.
        """
        strangers = symbols is None
        if refetch:
            return plan.everything(roll, window, strangers=strangers)
        return plan.lacking(roll, self.held(roll, window), window, strangers=strangers)

    def take(self, spans: Sequence[Span], window: Window, roll: gaps.Roll) -> None:
        """Fetch and stage the spans, with the fundamentals of the same days."""
        self.take_bars(spans, window, roll)
        self.take_fundamentals(spans)

    def take_bars(self, spans: Sequence[Span], window: Window, roll: gaps.Roll) -> None:
        """Fetch and stage the bars of the spans, year by year, and what happened on their ex-dates."""
        for year in window.years():
            pieces = [piece for span in spans if (piece := span.within(year)) is not None]
            if not pieces or self.context.cancelled:
                continue
            self._actions(pieces, roll)
            tables = [table for piece in pieces if (table := self._bars(piece, roll)) is not None]
            if tables:
                self.store(pa.concat_tables(tables), _hull(pieces), roll, window)

    def take_fundamentals(self, spans: Sequence[Span]) -> int:
        """Fetch and stage the fundamentals of the spans, where the source offers any; how many rows."""
        return sum(self._fundamentals(span) for span in spans) if "fundamentals" in self.offered else 0

    def cells(self, wanted: pa.Table, window: Window, roll: gaps.Roll) -> None:
        """Fetch and stage rows of single missing cells."""
        days = pc.min_max(wanted.column("trade_date"))
        span = Span(days["min"].as_py(), days["max"].as_py(), pc.unique(wanted.column("order_book_id")).to_pylist())
        delivered = self._bars(span, roll)
        rows = _none() if delivered is None else delivered.filter(bar_keys.among(delivered, wanted))
        left = confirmed.without(wanted, self.store(rows, span, roll, window))
        left = left.filter(pc.less_equal(left.column("trade_date"), self.ready))
        confirmed.confirm(self.lake, left, rows, today=self.today, source=self.source)
        self.taken.confirmed += left.num_rows

    def store(self, delivered: pa.Table, span: Span, roll: gaps.Roll, window: Window) -> pa.Table:
        """Correct and screen rows, infer who rested between them and what stands around them in the lake; the rows staged."""
        delivered = over(self.context.lake, "daily_bars", delivered)
        screened = self._screened(delivered, span)
        rested = self._rested(screened, span, roll, window)
        staged = pa.concat_tables([_canonical(screened.rows), _canonical(rested)])
        if staged.num_rows:
            self.context.lake.stage("daily_bars", staged)
            confirmed.forget(self.lake, staged, rested)
        if screened.kept_out.num_rows:
            self.context.lake.stage("quarantine", screened.kept_out)
        self.taken.fetched += delivered.num_rows
        self.taken.kept_out += screened.kept_out_rows
        self.taken.inferred += rested.num_rows
        self.context.log.info(
            "took bars in", start=span.start.isoformat(), end=span.end.isoformat(), fetched=delivered.num_rows,
            quarantined=screened.kept_out_rows, inferred=rested.num_rows,
        )  # fmt: skip
        return staged

    def _screened(self, delivered: pa.Table, span: Span) -> Screened:
        try:
            return screen(delivered, self.sessions, quarantine.let_in(self.context.lake))
        except QualityGate as refusal:
            days = {"start_date": span.start.isoformat(), "end_date": span.end.isoformat()}
            reports.keep(self.context, refusals=[refusal.detail], examined=delivered.num_rows, **days)
            raise

    def _rested(self, screened: Screened, span: Span, roll: gaps.Roll, window: Window) -> pa.Table:
        rows = screened.rows
        start, end = calendar.back(self.sessions, span.start, LOOKBACK_SESSIONS), min(window.end, span.end + _RESUMES_WITHIN)
        around = self.context.lake.read("daily_bars", columns=panel.COLUMNS, start=start, end=end, symbols=span.ids)
        others = around.filter(pc.invert(bar_keys.among(around, rows)))
        together = bar_keys.in_order(pa.concat_tables([others, _canonical(rows).select(others.column_names)]))
        grid = gaps.grid(roll.only(span.ids), together, calendar.between(self.sessions, start, end))
        rested = gaps.suspensions(together, grid.cells(grid.missing), self.sessions)
        if not rested.num_rows:
            return rested
        # Of whom a row came that was kept out, it is not known that it rested.
        before = self.context.lake.read("quarantine", start=start, end=end, symbols=span.ids)
        for kept_out in (screened.kept_out, before):
            bars = kept_out.filter(pc.equal(kept_out.column("dataset"), quarantine.BARS))
            keyed = bars.filter(pc.and_(pc.is_valid(bars.column("order_book_id")), pc.is_valid(bars.column("trade_date"))))
            rested = rested.filter(pc.invert(bar_keys.among(rested, keyed)))
        return rested

    def _bars(self, span: Span, roll: gaps.Roll) -> pa.Table | None:
        table = self._table(self.source.daily_bars(None if span.strangers else span.ids, span.start, span.end))
        if table is None or not span.strangers:
            return table
        others = pa.array(sorted(set(roll.ids) - set(span.ids)), pa.string())
        return table.filter(pc.invert(pc.is_in(table.column("order_book_id"), others)))

    def _actions(self, pieces: Sequence[Span], roll: gaps.Roll) -> None:
        if "corporate_actions" not in self.offered:
            return
        answers = [self.source.corporate_actions(None if one.strangers else one.ids, one.start, one.end) for one in pieces]
        tables = [table for answer in answers if (table := self._table(answer)) is not None]
        if tables:
            rows = pa.concat_tables(tables)
            self.context.lake.stage("corporate_actions", rows.filter(pc.is_in(rows.column("order_book_id"), pa.array(roll.ids))))

    def _fundamentals(self, span: Span) -> int:
        start = span.start - REPORTS_BEFORE if span.new else span.start
        table = self._table(self.source.fundamentals(span.ids, start, span.end))
        if table is None:
            return 0
        self.context.lake.stage("fundamentals", over(self.context.lake, "fundamentals", bar_keys.first_of_each(table)))
        return int(table.num_rows)

    def _table(self, answer: Answer) -> Any:
        if isinstance(answer, Unavailable):
            raise refused(self.source.name, answer)
        return answer.table if isinstance(answer, Data) else None


def roll_of(context: OpContext, symbols: Sequence[str] | None) -> gaps.Roll:
    """Whom the lake knows; a symbol may be a code that has changed. Raises Invalid for a symbol that it does not know."""
    everyone = gaps.Roll.of(context.lake.read("instruments"))
    if symbols is None:
        return everyone
    current = code_changes.successors(context.lake.read("code_changes"))
    symbols = [current.get(one, one) for one in symbols]
    if unknown := sorted(set(symbols) - set(everyone.ids)):
        raise Invalid(f"there is no instrument {unknown[0]!r}{suggestion(unknown[0], everyone.ids)}")
    return everyone.only(symbols)


def _hull(pieces: Sequence[Span]) -> Span:
    ids = sorted({one for piece in pieces for one in piece.ids})
    return Span(min(piece.start for piece in pieces), max(piece.end for piece in pieces), ids)


def _none() -> pa.Table:
    return dictionary.get("daily_bars").arrow.empty_table()


def _canonical(rows: pa.Table) -> pa.Table:
    """All columns of daily_bars, in order; null where the rows have none."""
    schema = dictionary.get("daily_bars").arrow
    own = [rows.column(field.name) if field.name in rows.column_names else pa.nulls(len(rows), field.type) for field in schema]
    return pa.table([column.cast(field.type) for column, field in zip(own, schema, strict=True)], schema=schema)
