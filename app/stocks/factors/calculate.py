"""Calculating factors from the lake to the lake: only what is due, and of each row only their own columns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.stocks import dictionary
from app.stocks.dictionary.factors import MARK
from app.stocks.factors import due, honesty
from app.stocks.factors.call import ask
from app.stocks.factors.declare import Factor
from app.stocks.factors.due import Group
from app.stocks.factors.inputs import Panel, bar_columns, indicator_columns, panel
from app.stocks.indicators.prices import Floats
from app.stocks.indicators.touched import Touched
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.merge import upsert
from app.stocks.lake.rows import from_numpy
from app.stocks.lake.sweep import Block, Sweep, blocks, boundaries, ranges


@dataclass(frozen=True)
class Result:
    """How many rows were calculated, of which factors."""

    rows: int
    factors: list[str]


def calculate(lake: MarketLake, factors: Iterable[Factor], *, rows_per_block: int | None = None) -> Result:
    """Bring those factors' columns up to date with their code and with the bars and indicators as this run sees them.

    A new factor and one whose code changed is calculated whole; else over time only instruments whose input changed, each whole,
    and of cross-sections only the months that changed. Raises FactorFailed, and then nothing is staged that would count.
    """
    lacking = due.groups(lake, factors)
    gone = due.gone(lake) if lacking else None
    anew = [one for group in lacking if group.made is None for one in group.factors]
    if anew:
        # They have columns of this version from here on; what they are made from is noted when they are.
        said: dict[str, Any] = {f"{MARK}{one.name}": {**one.facts, "made_from": None} for one in anew}
        lake.note("factors", **said)
    if gone is not None:
        lake.remove("factors", gone)
    rows = 0
    for group in lacking:
        over_time = group.factors[0].kind == "time_series"
        rows += _over_time(lake, group, rows_per_block) if over_time else _across(lake, group)
    if anew:
        _write_newest(lake)
    for group in lacking:
        due.remember(lake, group.factors)
    if lacking:
        lake.carry_notes("daily_bars", "factors")
    return Result(rows, [name for group in lacking for name in group.names])


def _write_newest(lake: MarketLake) -> None:
    """New code may give the values that are there: without a new file no snapshot would say by which code they are made now."""
    files = lake.files("factors")
    if files and not any(file["dataset"] == "factors" for file in lake.staged()):
        spec = lake.spec("factors")
        newest = files[-1]
        lake.replace("factors", newest["partition"], Cursor(lake.folder / newest["path"], spec).take())


def _over_time(lake: MarketLake, group: Group, rows_per_block: int | None) -> int:
    touched = due.touched(lake, group)
    if not touched.any:
        return 0
    only = None if touched.whole else set(touched.since)
    spec, rows = lake.spec("factors").only(group.names), 0
    with lake.writer("factors") as writer:
        for given in _panels(lake, group, only, rows_per_block):
            values = _series(group, given)
            kept = _kept(given, touched)
            rows += len(kept)
            columns = {"order_book_id": given.code[kept], "trade_date": given.days[kept]}
            writer.append(from_numpy(spec, given.symbols, columns | {name: of[kept] for name, of in values.items()}))
    return rows


def _panels(lake: MarketLake, group: Group, only: set[str] | None, rows_per_block: int | None) -> Iterator[Panel]:
    folder, files = lake.folder, lake.files("daily_bars")
    sizes = {"rows": rows_per_block} if rows_per_block else {}
    taken = indicator_columns(group.inputs)
    bars = Sweep(folder, dictionary.get("daily_bars"), files, bar_columns(group.inputs), only)
    made = Sweep(folder, dictionary.get("indicators"), lake.files("indicators") if taken else [], taken, only)
    for block, indicators in blocks([bars, made], boundaries(folder, files, only, **sizes)):
        yield panel(block, indicators, group.inputs, whole=True)


def _kept(given: Panel, touched: Touched) -> npt.NDArray[np.intp]:
    if touched.whole:
        return np.arange(len(given.code))
    since = np.array([touched.since.get(symbol, 2**31 - 1) for symbol in given.symbols], dtype=np.int64)
    return np.flatnonzero(given.days >= since[given.code])


def _series(group: Group, given: Panel) -> dict[str, Floats]:
    """Each factor's values, instrument by instrument; of each block the longest one is the sample that must stand the test."""
    index = pd.DatetimeIndex(given.days.astype("datetime64[D]"), name="trade_date")
    columns = {name: pd.Series(values, index=index, name=name) for name, values in given.values.items()}
    spans = list(ranges(given.code)) if len(given.code) else []
    longest = max(spans, key=lambda span: span[1] - span[0], default=None)
    out = {one.name: np.empty(len(given.code)) for one in group.factors}
    for one in group.factors:
        for start, end in spans:
            own = [columns[name].iloc[start:end] for name in one.inputs]
            symbol = given.symbols[given.code[start]]
            values = ask(one, own, symbol)
            if (start, end) == longest:
                honesty.check(one, own, values, symbol)
            if one.lookback is not None:
                values[: one.lookback - 1] = np.nan
            out[one.name][start:end] = values
    return out


def _across(lake: MarketLake, group: Group) -> int:
    rows, spec = 0, lake.spec("factors")
    for month in _months(lake, group):
        given = panel(
            _block(lake, "daily_bars", month, bar_columns(group.inputs)),
            _block(lake, "indicators", month, indicator_columns(group.inputs)),
            group.inputs,
            whole=False,
        )
        columns = {"order_book_id": given.code, "trade_date": given.days, **_sections(group, given)}
        parts = from_numpy(spec.only(group.names), given.symbols, columns)
        path = lake.path("factors", month)
        for partition, part in parts:
            lake.replace("factors", partition, upsert(spec, Cursor(path, spec).take() if path else None, part))
            rows += len(part)
    return rows


def _months(lake: MarketLake, group: Group) -> list[str]:
    """The months whose inputs changed."""
    now = due.sources(lake)
    read = ["daily_bars", *(["indicators"] if indicator_columns(group.inputs) else [])]
    made = group.made
    if made is None:
        return sorted(now["daily_bars"])
    return [month for month in sorted(now["daily_bars"]) if any(now[name].get(month) != made[name].get(month) for name in read)]


def _block(lake: MarketLake, dataset: str, month: str, columns: list[str]) -> Block:
    files = [file for file in lake.files(dataset) if file["partition"] == month] if columns else []
    return Sweep(lake.folder, dictionary.get(dataset), files, columns).take(None)


def _sections(group: Group, given: Panel) -> dict[str, Floats]:
    """Each factor's values, date by date; back in the panel's order."""
    order = np.lexsort((given.code, given.days))
    index = pd.Index(pd.array(given.symbols, dtype="str"), name="order_book_id").take(given.code[order])
    columns = {name: pd.Series(values[order], index=index, name=name) for name, values in given.values.items()}
    spans = list(ranges(given.days[order])) if len(order) else []
    out = {one.name: np.empty(len(order)) for one in group.factors}
    for one in group.factors:
        for start, end in spans:
            own = [columns[name].iloc[start:end] for name in one.inputs]
            day = str(given.days[order[start]].astype("datetime64[D]"))
            out[one.name][order[start:end]] = ask(one, own, day)
    return out
