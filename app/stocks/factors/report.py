"""How good each factor is: coverage, rank information coefficient, turnover, and whether it is up to date."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from app.definitions import query
from app.stocks.arrays import Flags, Floats
from app.stocks.dictionary.factors import told
from app.stocks.factors import due
from app.stocks.factors.declare import registered
from app.stocks.indicators.prices import traded
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.scoring.cross_section import percentile

FEWEST = 3
"""Of so many instruments a correlation is taken."""
_TOP = 80.0
"""From this percentile on an instrument is of the top fifth."""


@query
def factor_report(
    context: Any, *, sessions: Annotated[int, Field(ge=2, le=250)] = 60, horizon: Annotated[int, Field(ge=1, le=20)] = 1
) -> list[dict[str, Any]]:
    """Every factor of one's own, by name: its state, and how good it was over the last sessions that have bars.

    `ic` is the mean over the dates of the Spearman correlation between the factor and the return of the next `horizon` sessions
    (back-adjusted closes, of whoever trades on both days); `ic_ratio` that over its sample deviation, `ic_dates` how many dates
    count. `turnover` is the mean part of the top fifth that was not in it a session before, `rank_autocorrelation` the mean
    Spearman correlation with that session. `coverage`: values per traded row. Null where nothing can be told.

    Source: Grinold and Kahn, Active Portfolio Management, for the coefficient and its ratio; alphalens' quantile_turnover and
    factor_rank_autocorrelation.
    """
    lake = market_lake(context)
    facts, now = told(lake.facts("factors")), due.sources(lake)
    names = sorted({*registered, *facts})
    judged = _Window(lake, [name for name in names if name in facts], context.sessions(), sessions) if names else None
    return [_one(name, facts.get(name), now, judged, horizon) for name in names]


def _one(
    name: str, fact: dict[str, Any] | None, now: dict[str, dict[str, str]], window: "_Window | None", horizon: int
) -> dict[str, Any]:
    own = registered.get(name)
    said = own.facts if own else fact or {}
    judged = window.judge(name, horizon) if window and fact else _NOTHING
    return {
        "factor": name,
        "state": due.state(own, fact, now),
        **{key: said[key] for key in ("kind", "inputs", "lookback", "meaning")},
        "version": own.version if own else None,
        "calculated_version": fact["version"] if fact and fact.get("made_from") else None,
        "horizon": horizon,
        "first_date": window.ends[0] if window else None,
        "last_date": window.ends[1] if window else None,
        **judged,
    }


_NOTHING = dict.fromkeys(
    ("newest_date", "coverage", "ic", "ic_ratio", "ic_dates", "turnover", "rank_autocorrelation"), None
)  # fmt: skip


class _Window:
    """The last sessions with bars, as matrices of dates x instruments."""

    def __init__(self, lake: MarketLake, names: list[str], known: Sequence[date], sessions: int) -> None:
        newest = date.fromisoformat(lake.newest_date("daily_bars") or "1990-01-01")
        self._days = [day for day in known if day <= newest][-sessions:]
        bars = self._read(lake, "daily_bars", ["close", "high", "low", "adj_factor", "is_suspended"])
        self._symbols = sorted(set(bars.column("order_book_id").unique().to_pylist()))
        column = {name: _numbers(bars, name) for name in bars.column_names[2:]}
        factor = column["adj_factor"]
        here = traded({**column, "is_suspended": np.nan_to_num(column["is_suspended"])})
        # Without any factor prices stand unadjusted, as in the indicators.
        close = column["close"] * (1.0 if np.isnan(factor).all() else factor)
        self._close = self._matrix(bars, np.where(here, close, np.nan))
        self._traded: Flags = self._matrix(bars, here.astype(float)) == 1
        values = self._read(lake, "factors", names)
        self._values = {name: self._matrix(values, _numbers(values, name)) for name in names}

    @property
    def ends(self) -> tuple[str | None, str | None]:
        """The first and the last session."""
        return (self._days[0].isoformat(), self._days[-1].isoformat()) if self._days else (None, None)

    def _read(self, lake: MarketLake, dataset: str, columns: list[str]) -> pa.Table:
        start, end = (self._days[0], self._days[-1]) if self._days else (date.max, date.max)
        return lake.read(dataset, columns=["order_book_id", "trade_date", *columns], start=start, end=end)

    def _matrix(self, rows: pa.Table, values: Floats) -> Floats:
        ids = np.asarray(self._symbols, dtype=object)
        code = np.searchsorted(ids, rows.column("order_book_id").to_numpy(zero_copy_only=False))
        days = np.array(self._days, dtype="datetime64[D]")
        day = np.searchsorted(days, rows.column("trade_date").to_numpy().astype("datetime64[D]"))
        # A factor's row of a day or a name that has no bars any more is about to go.
        kept = np.flatnonzero((code < len(ids)) & (day < len(days)))
        kept = kept[(ids[code[kept]] == rows.column("order_book_id").to_numpy(zero_copy_only=False)[kept])]
        matrix = np.full((len(days), len(ids)), np.nan)
        matrix[day[kept], code[kept]] = values[kept]
        return matrix

    def judge(self, name: str, horizon: int) -> dict[str, Any]:
        """What can be told of a factor's values in these sessions."""
        values = np.where(self._traded, self._values[name], np.nan)
        there = ~np.isnan(values)
        after = np.full(values.shape, np.nan)
        after[:-horizon] = self._close[horizon:] / self._close[:-horizon] - 1
        found = correlation(values, after)
        known = found[~np.isnan(found)]
        deviation = float(known.std(ddof=1)) if len(known) > 1 else 0.0
        dates = np.flatnonzero(there.any(axis=1))
        rows = int(self._traded.sum())
        return {
            "newest_date": self._days[dates[-1]].isoformat() if len(dates) else None,
            "coverage": float(there.sum() / rows) if rows else None,
            "ic": _mean(known),
            "ic_ratio": float(known.mean() / deviation) if deviation > 0 else None,
            "ic_dates": len(known),
            "turnover": _mean(turnover(values)),
            "rank_autocorrelation": _mean(correlation(values[1:], values[:-1])),
        }


def correlation(left: Floats, right: Floats) -> Floats:
    """Each date's Spearman correlation over whoever has both values, equal ones sharing their rank; NaN where FEWEST lack."""
    both = ~np.isnan(left) & ~np.isnan(right)
    ranks = [percentile(np.where(both, values, np.nan))[0] for values in (left, right)]
    count = both.sum(axis=1)
    centred = [np.where(both, rank - 50.0, 0.0) for rank in ranks]
    product = (centred[0] * centred[1]).sum(axis=1)
    length = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    result: Floats = np.full(len(left), np.nan)
    np.divide(product, length, out=result, where=(count >= FEWEST) & (length > 0))
    return result


def turnover(values: Floats) -> Floats:
    """Each date's part of the top fifth that was not in it on the date before; NaN where either has none."""
    top = percentile(values)[0] >= _TOP
    count, before = top[1:].sum(axis=1), top[:-1].sum(axis=1)
    result: Floats = np.full(max(len(values) - 1, 0), np.nan)
    fresh = (top[1:] & ~top[:-1]).sum(axis=1)
    np.divide(fresh, count, out=result, where=(count > 0) & (before > 0))
    return result


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _numbers(rows: pa.Table, name: str) -> Floats:
    values: Floats = rows.column(name).cast(pa.float64()).to_numpy()
    return values
