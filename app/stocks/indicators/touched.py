"""Which instruments' indicators must be calculated again, and from which day on their rows are written."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.indicators import fundamental, prices
from app.stocks.indicators.technical import VERSION
from app.stocks.lake import origin
from app.stocks.lake.market_lake import MarketLake

EVERYTHING = -(2**31)
"""A day before all days."""


@dataclass(frozen=True)
class Touched:
    """Each touched instrument and the day of its first change, as days since 1970: an indicator looks back only, so no
    earlier value changes. `gone` are keys that no longer have indicators. `whole`: everything, over nothing that is there.
    """

    since: dict[str, int] = field(default_factory=dict)
    gone: pa.Table | None = None
    whole: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything to calculate."""
        return self.whole or bool(self.since)

    def with_(self, since: dict[str, int]) -> "Touched":
        """The same, touched by those too: the earlier day counts."""
        both = {symbol: min(day, self.since.get(symbol, day)) for symbol, day in since.items()}
        return Touched({**self.since, **both}, self.gone, self.whole)


def touched(lake: MarketLake) -> Touched:
    """What changed in the bars and fundamentals since the indicators were made."""
    made = origin.remembered(lake.facts("indicators"), VERSION)
    if made is None:
        return Touched(whole=True)
    key = ["order_book_id", "trade_date"]
    bars = since_changes(lake, "daily_bars", made["daily_bars"], [*key, *prices.COLUMNS])
    # By trade date, not known_date: a row that is known from another day on changes what stood since the earlier one.
    told = since_changes(lake, "fundamentals", made["fundamentals"], [*key, *fundamental.COLUMNS])
    return bars.with_(told.since)


def since_changes(lake: MarketLake, dataset: str, made_from: dict[str, str], columns: list[str]) -> Touched:
    """What those columns' change since those files touches; of bars, `gone` are the keys that are no longer traded."""
    since: dict[str, int] = {}
    gone = []
    for change in origin.changes(lake.folder, dataset, lake.files(dataset), made_from, columns):
        _note(since, change.changed)
        _note(since, change.gone)
        if dataset == "daily_bars":
            gone += [_keys(change.gone), _keys(change.changed.filter(pa.array(~_traded(change.changed))))]
    return Touched(since, pa.concat_tables(gone).combine_chunks() if gone else None)


def remember(lake: MarketLake) -> None:
    """Note from which files the indicators are made now."""
    made = {name: origin.stamps(lake.files(name)) for name in ("daily_bars", "fundamentals")}
    lake.note("indicators", made_from={"version": VERSION, **made})


def _note(since: dict[str, int], rows: pa.Table) -> None:
    if not len(rows):
        return
    keys = pa.table({"symbol": rows.column("order_book_id").cast(pa.string()), "day": rows.column("trade_date").cast(pa.int32())})
    first = keys.group_by("symbol").aggregate([("day", "min")])
    for symbol, day in zip(first.column("symbol").to_pylist(), first.column("day_min").to_pylist(), strict=True):
        since[symbol] = min(day, since.get(symbol, day))


def _traded(rows: pa.Table) -> np.ndarray:
    names = ("high", "low", "close", "is_suspended")
    return prices.traded(
        {name: pc.fill_null(rows.column(name), False if name == "is_suspended" else 0.0).to_numpy() for name in names}
    )


def _keys(rows: pa.Table) -> pa.Table:
    return rows.select(["order_book_id", "trade_date"])
