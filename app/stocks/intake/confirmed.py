"""What the source has confirmed not to have: rows that are not asked for again before that word expires."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys, calendar
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.rows import keys_of
from app.stocks.sources import Source

RECENT, SOON = timedelta(days=7), timedelta(days=1)
"""Rows of the last days come late: they are asked for again the next day."""
LATER = timedelta(days=30)
"""How long the word on an older day holds."""
EMPTY, UNFIT = "empty", "unfit"
_NAME = "confirmed_empty"
_KEY = ["order_book_id", "trade_date"]


def standing(lake: MarketLake, today: date, edition: str) -> pa.Table:
    """The keys of rows that a source of that edition is not to be asked for on that day."""
    told = lake.read(_NAME)
    fresh = pc.and_(pc.greater(told.column("expires_date"), today), pc.equal(told.column("edition"), edition))
    return told.filter(fresh).select(_KEY)


def confirm(lake: MarketLake, wanted: pa.Table, delivered: pa.Table, *, today: date, source: Source) -> None:
    """Note that the source, asked today, has none of the wanted rows; or of those among the delivered ones, none that is fit."""
    if not len(wanted):
        return
    days = bar_keys.days(wanted)
    (now,) = calendar.day_numbers([today])
    expires = now + np.where(now - days < RECENT.days, SOON.days, LATER.days)
    answer = np.where(bar_keys.among(wanted, delivered).to_numpy(zero_copy_only=False), UNFIT, EMPTY)
    rows = wanted.select(_KEY)
    for name, values in (
        ("answer", pa.array(answer)),
        ("asked_date", pa.array(np.full(len(days), now), pa.int32()).cast(pa.date32())),
        ("expires_date", pa.array(expires, pa.int32()).cast(pa.date32())),
        ("edition", pa.repeat(source.edition, len(days))),
        ("source", pa.repeat(source.name, len(days))),
    ):
        rows = rows.append_column(name, values)
    lake.stage(_NAME, rows)


def forget(lake: MarketLake, arrived: pa.Table, rested: pa.Table) -> None:
    """Take out the rows that came after all, and all of who is known to have rested: its other days can be told by that."""
    told = lake.read(_NAME)
    if not len(told):
        return
    own = pc.is_in(told.column("order_book_id"), pc.unique(rested.column("order_book_id")).cast(pa.string()))
    gone = told.filter(pc.or_(bar_keys.among(told, arrived), own))
    if len(gone):
        lake.remove(_NAME, keys_of(lake.spec(_NAME), gone))


def without(wanted: pa.Table, keys: pa.Table) -> pa.Table:
    """The wanted rows that have none of those keys."""
    return wanted.filter(pc.invert(bar_keys.among(wanted, keys)))
