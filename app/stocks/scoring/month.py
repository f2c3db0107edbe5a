"""One month's cross-sections: from rows to matrices of dates x instruments and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.stocks.dictionary.scores import BUILT_IN
from app.stocks.indicators.prices import traded
from app.stocks.lake.rows import from_numpy
from app.stocks.lake.sweep import Block
from app.stocks.schema import Spec
from app.stocks.scoring.cross_section import Mask, Matrix, Scores, scores
from app.stocks.scoring.neutralise import SIZE, Exposure, Industries, residual, standard_size
from app.stocks.scoring.universe import Days, Universe

FROM_BARS = ("high", "low", "close", "adj_factor", "turnover_rate", "is_suspended", "is_st")
FROM_INDICATORS = {"macd_hist_ratio": "macd_hist", "turnover_rate": None}
"""Where a factor is not simply the indicator of its name."""


@dataclass(frozen=True)
class Rules:
    """What scores are made by, the data aside."""

    weights: dict[str, float]
    universe: Universe
    min_factors: int
    sessions: Days
    neutralise: tuple[Exposure, ...] = ()

    def indicators(self) -> list[str]:
        """The indicator columns that the factors need."""
        built_in = [name for name in self.weights if name in BUILT_IN]
        columns = [column for name in built_in if (column := FROM_INDICATORS.get(name, name)) is not None]
        return [*columns, SIZE] if "size" in self.neutralise else columns


class Month:
    """Bars, indicators and factors of one's own, of one month, as matrices."""

    def __init__(self, bars: Block, indicators: Block, own: Block | None = None) -> None:
        self.symbols = bars.symbols
        self.days = np.unique(bars.days)
        day = np.searchsorted(self.days, bars.days)
        self.shape = (len(self.days), len(self.symbols))
        self._bars = bars
        self._bars_at = day * self.shape[1] + bars.code
        self._read = {name: (block, *self._places(block)) for block in (indicators, own) if block for name in block.values}

    def _places(self, block: Block) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The place in the matrices of each row that has bars, and which rows those are."""
        position = {symbol: number for number, symbol in enumerate(self.symbols)}
        code = np.array([position.get(symbol, -1) for symbol in block.symbols], dtype=np.intp)[block.code]
        day = np.searchsorted(self.days, block.days)
        day[day == len(self.days)] = 0
        matched = np.flatnonzero((code >= 0) & (self.days[day] == block.days))
        return (day * self.shape[1] + code)[matched], matched

    def bars(self, values: npt.NDArray[Any], missing: Any = np.nan) -> npt.NDArray[Any]:
        """A column of the bars as a matrix."""
        flat = np.full(self.shape[0] * self.shape[1], missing)
        flat[self._bars_at] = values
        return flat.reshape(self.shape)

    def column(self, name: str) -> Matrix:
        """A column of the indicators, or a factor of one's own, as a matrix."""
        block, at, matched = self._read[name]
        flat = np.full(self.shape[0] * self.shape[1], np.nan)
        flat[at] = block.values[name][matched]
        return flat.reshape(self.shape)

    def members(self, universe: Universe, since: Callable[[str], int]) -> Mask:
        """Who takes part on which date; `since`: the first day on which an instrument may."""
        here = traded(self._bars.values)
        if universe.exclude_st:
            here &= self._bars.values["is_st"] != 1
        first = np.array([since(symbol) for symbol in self.symbols])
        here &= self._bars.days >= first[self._bars.code]
        return self.bars(here, missing=False)

    def factor(self, name: str) -> Matrix:
        """A factor as a matrix, of whoever has it."""
        if name == "turnover_rate":
            return self.bars(self._bars.values["turnover_rate"])
        if name != "macd_hist_ratio":
            return self.column(name)
        factor = self._bars.values["adj_factor"]
        # Without any factor prices, and with them the indicators, stand unadjusted.
        close = self._bars.values["close"] * (1.0 if np.isnan(factor).all() else factor)
        return np.asarray(self.column("macd_hist") / self.bars(close))

    def score(
        self,
        rules: Rules,
        since: Callable[[str], int],
        start: int,
        end: int,
        spec: Spec,
        industries: Industries | None = None,
    ) -> list[tuple[str, pa.Table]]:
        """The score rows of the dates from `start` to `end` on which half of the universe has `min_factors` factors."""
        members = self.members(rules.universe, since)
        layers = np.empty((len(rules.weights), *self.shape))
        for layer, name in zip(layers, rules.weights, strict=True):
            layer[:] = np.where(members, self.factor(name), np.nan)
        neutral = self._neutral(rules, members, industries)
        found = scores(dict(zip(rules.weights, layers, strict=True)), rules.weights, rules.min_factors, neutral)
        enough = (found.factors >= rules.min_factors).sum(axis=1)
        size = members.sum(axis=1)
        dates = (2 * enough >= size) & (size > 0) & (self.days >= start) & (self.days <= end)
        return self._rows(found, members & dates[:, None], rules.sessions, spec)

    def _neutral(self, rules: Rules, members: Mask, industries: Industries | None) -> Callable[[Matrix], Matrix] | None:
        if not rules.neutralise:
            return None
        size = standard_size(np.where(members, self.column(SIZE), np.nan)) if "size" in rules.neutralise else None
        industry = industries.on(self.symbols, self.days) if industries else None
        return lambda z: residual(z, size, industry)

    def _rows(self, found: Scores, rows: Mask, sessions: Days, spec: Spec) -> list[tuple[str, pa.Table]]:
        code, day = np.nonzero(rows.T)
        at = day * self.shape[1] + code
        after = np.searchsorted(sessions, self.days, side="right")
        next_session = np.full(len(self.days), np.nan)
        next_session[after < len(sessions)] = sessions[after[after < len(sessions)]]
        rank = found.rank.ravel()[at]
        columns: dict[str, Any] = {
            "order_book_id": code,
            "trade_date": self.days[day],
            "score": found.score.ravel()[at],
            "total": found.total.ravel()[at],
            "rank": np.where(rank > 0, rank, np.nan),
            "factors": found.factors.ravel()[at],
            "usable_from": next_session[day],
            **{f"contrib_{name}": matrix.ravel()[at] for name, matrix in found.contributions.items()},
        }
        return from_numpy(spec, self.symbols, columns)
