"""Completing what was taken in: which expected rows never came, and asking for just those."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from app import clock
from app.definitions import OpContext
from app.stocks import calendar, gaps
from app.stocks.intake import confirmed
from app.stocks.intake.intake import Intake
from app.stocks.intake.plan import seen
from app.stocks.intake.window import Window
from app.stocks.lake.market_lake import market_lake
from app.stocks.sources import Unavailable, open_source

_KEY = ["order_book_id", "trade_date"]


def looked_back(window: Window, first: date, sessions: int | None) -> Window:
    """The days in which to look for missing rows: so many sessions up to the window's end, from `first` on; None: all."""
    start = first if sessions is None else max(calendar.back(window.sessions, window.end, sessions), first)
    return Window(start, window.end, window.sessions)


def missing(context: OpContext, roll: gaps.Roll, past: Window, symbols: Sequence[str] | None = None) -> pa.Table:
    """The expected rows to ask for, as keys, sorted within each year: they are not there, and the source did not say lately that
    it does not have them. `symbols`: the roll, where it is narrowed.
    """
    roll = seen(market_lake(context), roll, past.sessions)
    found = []
    for year in past.years():
        own = None if symbols is None else roll.ids
        keys = context.lake.read("daily_bars", columns=_KEY, start=year.start, end=year.end, symbols=own)
        grid = gaps.grid(roll, keys, year.inside)
        found.append(grid.cells(grid.missing))
    rows = pa.concat_tables(found)
    wanted = confirmed.without(rows, _confirmed(context, past))
    known = rows.num_rows - wanted.num_rows
    context.log.info(
        "looked back", start=past.start.isoformat(), end=past.end.isoformat(), missing=rows.num_rows, confirmed_empty=known
    )
    context.metric("confirmed_empty_rows", known)
    return wanted


def _confirmed(context: OpContext, past: Window) -> pa.Table:
    source = open_source(context.settings, past.sessions, context.now())
    edition = "" if isinstance(source, Unavailable) else source.edition
    return confirmed.standing(market_lake(context), clock.market_date(context.now()), edition)


def fetch(intake: Intake, wanted: pa.Table, roll: gaps.Roll) -> None:
    """Ask for those rows, month by month, infer who rested on them, and stage what that gives."""
    if not wanted.num_rows:
        return
    days = pc.min_max(wanted.column("trade_date"))
    for month in Window(days["min"].as_py(), days["max"].as_py(), intake.sessions).months():
        column = wanted.column("trade_date")
        inside = wanted.filter(pc.and_(pc.greater_equal(column, month.start), pc.less_equal(column, month.end)))
        if inside.num_rows and not intake.context.cancelled:
            intake.cells(inside, Window(month.start, intake.ready, intake.sessions), roll)
