"""Which trade dates of a range a dataset lacks rows of: what a backfill asks."""

from datetime import date
from typing import Any

import numpy as np

from app.definitions import query
from app.definitions.names import suggestion
from app.errors import Invalid
from app.stocks import calendar, dictionary, gaps
from app.stocks.gaps import Roll
from app.stocks.intake.plan import seen
from app.stocks.intake.window import Window
from app.stocks.lake.market_lake import MarketLake, market_lake

_BARS = "daily_bars"


@query
def missing_dates(context: Any, *, dataset: str = _BARS, start_date: date, end_date: date) -> dict[str, Any]:
    """`days`: each session of the range with gaps and how many rows it lacks, null where that cannot be told.

    Of daily_bars a session lacks a row for every instrument that was listed then; of any other dataset it is missing when
    there is no row of it at all. `history_from`: where the source's data begin, null while the lake has none.
    """
    dated = [name for name, spec in dictionary.DATASETS.items() if spec.date_column]
    if dataset not in dated:
        raise Invalid(f"is no dataset with trade dates{suggestion(dataset, dated)} (those are {', '.join(dated)})")
    lake, sessions = market_lake(context), context.sessions("XSHG")
    window = Window(start_date, end_date, sessions)
    counted = _bars(lake, window) if dataset == _BARS else _any(lake, dataset, window)
    return {
        "history_from": lake.facts(_BARS).get("history_from"),
        "days": {day.isoformat(): rows for day, rows in counted.items()},
    }


def _bars(lake: MarketLake, window: Window) -> dict[date, int | None]:
    """Month by month: a month is one file in key order, and the keys of all history need not be held."""
    roll = Roll.of(lake.read("instruments"))
    files = lake.files(_BARS)
    if not roll.ids or not files:
        return dict.fromkeys(window.inside)
    roll = seen(lake, roll, window.sessions)
    found: dict[date, int | None] = {}
    for month in window.months():
        keys = lake.read(_BARS, columns=dictionary.get(_BARS).key, start=month.start, end=month.end)
        grid = gaps.grid(roll, keys, month.inside)
        lacking, is_empty = grid.missing.sum(axis=0), ~grid.present.any(axis=0)
        # Without listing dates nobody is expected behind the last row, and yet the session is missing.
        found |= {calendar.day_of(grid.days[at]): int(lacking[at]) or None for at in np.flatnonzero(is_empty | (lacking > 0))}
    return found


def _any(lake: MarketLake, dataset: str, window: Window) -> dict[date, int | None]:
    column = str(dictionary.get(dataset).date_column)
    found: dict[date, int | None] = {}
    for month in window.months():
        days = lake.read(dataset, columns=[column], start=month.start, end=month.end).column(column)
        present = set(days.unique().to_pylist())
        found |= {day: None for day in month.inside if day not in present}
    return found
