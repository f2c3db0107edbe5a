"""Calculating indicators in blocks of instruments, from the lake to the lake."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.stocks import dictionary
from app.stocks.dictionary.indicators import TECHNICAL
from app.stocks.indicators import fundamental, prices
from app.stocks.indicators.prices import Floats, Series
from app.stocks.indicators.technical import technical
from app.stocks.indicators.touched import EVERYTHING, Touched, remember, touched
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.rows import from_numpy
from app.stocks.lake.sweep import Block, Sweep, blocks, boundaries, ranges

_EPOCH = date(1970, 1, 1)

Part = Literal["technical", "fundamental"]
PARTS: tuple[Part, ...] = ("technical", "fundamental")


@dataclass(frozen=True)
class Result:
    """How many rows were calculated for how many instruments; whether prices were adjusted, None when none was read."""

    rows: int
    symbols: int
    adjusted: bool | None


def calculate(
    lake: MarketLake,
    *,
    symbols: Collection[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    rows_per_block: int | None = None,
) -> Result:
    """Bring the staged indicators up to date with the bars and fundamentals as this run sees them.

    Only instruments whose input changed are calculated, each whole; rows from its first change on are staged. `symbols`,
    `start` and `end` narrow that further; what they leave out stays due for the next time.
    """
    narrowed = symbols is not None or start is not None or end is not None
    due = asked_for(lake, symbols, whole=not narrowed)
    if due.gone is not None and not narrowed:
        lake.remove("indicators", due.gone)
    result = Result(0, 0, None)
    if due.any:
        calculation = Calculation(lake, due, start, end)
        with lake.writer("indicators", whole=due.whole) as writer:
            for symbols_of, columns in calculation.blocks(rows_per_block):
                writer.append(from_numpy(dictionary.get("indicators"), symbols_of, columns))
        result = calculation.result
    if not narrowed:
        remember(lake)
    if due.whole and result.adjusted is not None:
        lake.note("indicators", adjusted=result.adjusted)
    lake.carry_notes("daily_bars", "indicators")
    return result


def asked_for(lake: MarketLake, symbols: Collection[str] | None, *, whole: bool) -> Touched:
    """What is due of what is asked for. `whole`: all of it is; else nothing may be replaced that is not."""
    due = touched(lake)
    if due.whole and not whole:
        due = Touched(dict.fromkeys(lake.symbols("daily_bars") if symbols is None else symbols, EVERYTHING))
    if symbols is None:
        return due
    wanted = set(symbols)
    return Touched({symbol: day for symbol, day in due.since.items() if symbol in wanted}, due.gone)


class Calculation:
    """One pass over the bars and fundamentals of what is due. `parts`: which columns; without fundamentals they are not read."""

    def __init__(
        self,
        lake: MarketLake,
        due: Touched,
        start: date | None = None,
        end: date | None = None,
        parts: Collection[Part] = PARTS,
    ) -> None:
        self._lake = lake
        self._due = due
        self._parts = parts
        self._start = _day(start, EVERYTHING)
        self._end = _day(end, 2**31 - 1)
        self._only = None if due.whole else set(due.since)
        self._rows = 0
        self._symbols = 0
        self._adjusted: bool | None = None

    @property
    def result(self) -> Result:
        """What was done so far."""
        return Result(self._rows, self._symbols, self._adjusted)

    def blocks(self, rows_per_block: int | None = None) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """Instruments, and the columns of their rows as `rows.from_numpy` takes them; block by block in ascending key order."""
        folder, files = self._lake.folder, self._lake.files("daily_bars")
        sizes = {"rows": rows_per_block} if rows_per_block else {}
        told = self._lake.files("fundamentals") if "fundamental" in self._parts else []
        bars = Sweep(folder, dictionary.get("daily_bars"), files, prices.COLUMNS, self._only)
        known = Sweep(folder, dictionary.get("fundamentals"), told, fundamental.COLUMNS, self._only)
        for block, valuations in blocks([bars, known], boundaries(folder, files, self._only, **sizes)):
            yield self._block(block, valuations)

    def _block(self, bars: Block, known: Block) -> tuple[list[str], dict[str, Any]]:
        series = prices.series(bars)
        if len(bars.code):
            self._adjusted = bool(self._adjusted) or series.adjusted
        kept = self._kept(series)
        columns: dict[str, Any] = {"order_book_id": series.code[kept], "trade_date": series.days[kept]}
        self._symbols += len(np.unique(columns["order_book_id"]))
        self._rows += len(kept)
        if "technical" in self._parts:
            columns |= self._technical(series, kept)
        if len(known.code):
            columns |= {name: values[kept] for name, values in fundamental.fundamental(series, known).items()}
        return series.symbols, columns

    def _kept(self, series: Series) -> npt.NDArray[np.intp]:
        """The rows that are written; of each instrument they follow one another."""
        keep = (series.days >= self._start) & (series.days <= self._end)
        if not self._due.whole:
            since = np.array([self._due.since.get(symbol, 2**31 - 1) for symbol in series.symbols], dtype=np.int64)
            keep &= series.days >= since[series.code]
        return np.flatnonzero(keep)

    def _technical(self, series: Series, kept: npt.NDArray[np.intp]) -> dict[str, Floats]:
        out = {column.name: np.empty(len(kept)) for column in TECHNICAL}
        written = 0
        for start, end in ranges(series.code):
            until = int(np.searchsorted(kept, end))
            if until == written:
                continue
            rows = slice(start, end)
            found = technical(series.high[rows], series.low[rows], series.close[rows], series.volume[rows])
            own = slice(int(kept[written]) - start, int(kept[until - 1]) - start + 1)
            for name, values in found.items():
                out[name][written:until] = values[own]
            written = until
        return out


def _day(day: date | None, otherwise: int) -> int:
    return otherwise if day is None else (day - _EPOCH).days
