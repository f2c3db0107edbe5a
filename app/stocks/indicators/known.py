"""Whether fundamental values are what was known on their day: told from the lake by leaving out what was not, day by day.

It shares no code with `fundamental`, which makes them, and so judges it as it judges an op of one's own.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from app.errors import OpenbellError
from app.stocks.dictionary.indicators import FUNDAMENTAL
from app.stocks.lake.market_lake import MarketLake

COLUMNS = tuple(column.name for column in FUNDAMENTAL)
DATES = 6
"""Of more dates than that a sample is judged: the eves of those on which most became known, the newest, and some between."""

_KEY = ["order_book_id", "trade_date"]
_YIELDS = ("earnings_yield", "book_yield", "sales_yield")
_SHOWN = 3
_REACH = timedelta(days=31)
"""How far in front of a value's day the close of a suspended instrument is looked for."""


class UsedTooEarly(OpenbellError):
    """A value is used before the day from which on it is known."""

    status = 422
    code = "used_too_early"
    reason = "quality_gate"


def check_frame(rows: pd.DataFrame) -> int:
    """Judge rows that say themselves from when on they are known. How many; raises UsedTooEarly."""
    days, known = (pd.to_datetime(rows[name]) for name in ("trade_date", "known_date"))
    early = rows[known > days]
    if len(early):
        first = early.iloc[0]
        _fail([f"{_named(first)} {first['trade_date']}, known from {first['known_date']} on"], len(early))
    return len(rows)


def check_values(lake: MarketLake, rows: pd.DataFrame) -> int:
    """Judge fundamental columns of some keys against the lake: how many rows. Raises UsedTooEarly, with examples."""
    names = [name for name in COLUMNS if name in rows.columns]
    found, judged = [], 0
    for day in sample(lake, sorted(rows["trade_date"].unique())):
        own = rows[(rows["trade_date"] == day) & rows[names].notna().any(axis=1)].set_index("order_book_id")
        told = _known_on(lake, day, own.index)
        judged += len(own)
        found += [sentence for name in names for sentence in _differing(name, day, own, told)]
    if found:
        _fail(found, len(found))
    return judged


def sample(lake: MarketLake, days: Sequence[date]) -> list[date]:
    """The dates that are judged, of ascending ones."""
    if len(days) <= DATES:
        return list(days)
    known = lake.read("fundamentals", columns=["known_date"]).column("known_date").to_numpy().astype("datetime64[D]")
    # On its eve a value that is used too early is always seen, later perhaps no more.
    eves = np.searchsorted(np.array(days, dtype="datetime64[D]"), known) - 1
    counts = np.bincount(eves[eves >= 0], minlength=len(days))
    busy = np.argsort(-counts, kind="stable")[: DATES // 2]
    even = np.linspace(0, len(days) - 1, DATES - len(busy)).astype(int)
    return [days[at] for at in sorted({*busy.tolist(), *even.tolist()})]


def _known_on(lake: MarketLake, day: date, symbols: pd.Index) -> pd.DataFrame:
    """Per instrument the values of its newest row that was known on the day, as they are on it."""
    newest = _newest(lake, day, symbols)
    if not len(newest):
        return newest
    start = newest["trade_date"].min() - _REACH
    bars = lake.read("daily_bars", columns=[*_KEY, "close", "split_factor", "is_suspended"], start=start, end=day).to_pandas()
    traded = bars[~bars["is_suspended"] & (bars["close"] > 0)]
    # A missing factor is the last known one, and no split is one.
    split = traded.groupby("order_book_id")["split_factor"].ffill().fillna(1.0)
    close = traded.assign(close=traded["close"] * split)
    now = close[close["trade_date"] == day].set_index("order_book_id")["close"]
    of = newest["trade_date"].rename("of")
    before = close.join(of, on="order_book_id")
    then = before[before["trade_date"] <= before["of"]].groupby("order_book_id")["close"].last()
    moved = (now / then).reindex(newest.index)
    told = newest.assign(**{name: newest[name] / moved for name in _YIELDS})
    with np.errstate(divide="ignore", invalid="ignore"):
        told["log_market_cap"] = np.log(newest["market_cap"] * moved)
    return told.assign(judged=moved.notna())


def _newest(lake: MarketLake, day: date, symbols: pd.Index) -> pd.DataFrame:
    """Each instrument's newest row that was known on the day, month by month backwards until all are found."""
    pieces: list[pd.DataFrame] = []
    left = set(symbols)
    for file in reversed(lake.files("fundamentals")):
        if not left or not file["min_date"] or date.fromisoformat(file["min_date"]) > day:
            continue
        first, last = date.fromisoformat(file["min_date"]), date.fromisoformat(file["max_date"] or file["min_date"])
        month = lake.read("fundamentals", start=first, end=min(last, day)).to_pandas()
        known = month[(month["known_date"] <= day) & month["order_book_id"].isin(left)]
        pieces.append(known.groupby("order_book_id").tail(1))
        left -= set(known["order_book_id"])
    found = [piece for piece in pieces if len(piece)]
    return pd.concat(found).set_index("order_book_id") if found else pd.DataFrame(columns=["judged", "trade_date", *COLUMNS])


def _differing(name: str, day: date, own: pd.DataFrame, told: pd.DataFrame) -> list[str]:
    here = own[own[name].notna()]
    expected = told[name].reindex(here.index).astype(float)
    # Without any row nothing was known; where its close cannot be found, nothing can be said.
    sayable = told["judged"].reindex(here.index).fillna(True).astype(bool) | (name == "roe_ttm")
    wrong = sayable & ~np.isclose(here[name].astype(float), expected, rtol=1e-9, atol=1e-12)
    return [
        f"{name} of {symbol} on {day} is {here[name][symbol]:g}, and {_told(expected[symbol])}" for symbol in here.index[wrong]
    ]


def _told(value: float) -> str:
    return "nothing was known then" if np.isnan(value) else f"what was known then is {value:g}"


def _named(row: Any) -> str:
    return f"of {row['order_book_id']} on" if "order_book_id" in row else "on"


def _fail(sentences: list[str], count: int) -> None:
    more = f"; and {count - _SHOWN} more" if count > _SHOWN else ""
    raise UsedTooEarly(
        f"values are used that were not known on their day: {'; '.join(sentences[:_SHOWN])}{more}",
        hint="a row of fundamentals may be used from its known_date on, not from its trade_date",
    )
