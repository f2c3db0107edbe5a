"""Bars of minutes against what their days say: how many there are, and whether they add up to the daily bar."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys, calendar
from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.intraday import aggregate, minutes
from app.stocks.intraday.bars import Bars

_EXAMPLES = 5
_HALF_FEN = 0.005 + 1e-9
_PART = 1e-3
"""Of volume and turnover: trades after the close and rounded lots."""
_COMPARED = ("high", "low", "close", "volume", "total_turnover")


@dataclass
class Report:
    """Counts by check; take the blocks of a dataset one after the other, they add up.

    `days`: traded days of instruments that have bars; `bars`: bars that these days should have; `sums`: days that were compared.
    """

    checked: dict[str, int] = field(default_factory=lambda: {"days": 0, "bars": 0, "sums": 0})
    failed: dict[str, int] = field(default_factory=lambda: {"days": 0, "bars": 0, "sums": 0})
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"days": [], "bars": [], "sums": []})

    def count_days(self, traded: pa.Table, held: pa.Table) -> None:
        """Count the traded days of instruments, by key, and those of them that have bars."""
        there = bar_keys.among(traded, held).to_numpy(zero_copy_only=False)
        self._count("days", there, traded, lambda at: "has no bars of minutes")

    def take(self, bars: Bars, daily: pa.Table) -> None:
        """Judge a block. `daily`: rows of daily_bars, sorted by key, the days of these instruments among them."""
        traded = daily.filter(pc.invert(daily.column("is_suspended")))
        made = aggregate.daily(bars)
        own, wanted = bar_keys.numbers(bars.ids, made), bar_keys.numbers(bars.ids, traded)
        starts = bars.starts()
        count = np.diff([*starts, len(bars.code)])
        expected = len(minutes.ends("XSHG", calendar.day_of(int(bars.day[0])))) // bars.length if len(bars.day) else 0
        self.checked["bars"] += expected * len(count)
        self.failed["bars"] += int(np.maximum(expected - count, 0).sum())
        self._show("bars", np.flatnonzero(count < expected), made, lambda at: f"has {count[at]} of {expected} bars")
        both = np.flatnonzero(np.isin(wanted, own))
        self._sums(made.take(np.searchsorted(own, wanted[both])), traded.take(both))

    def _sums(self, made: pa.Table, told: pa.Table) -> None:
        wrong: dict[str, Flags] = {}
        pairs = {name: (_numbers(made, name), _numbers(told, name)) for name in _COMPARED}
        for name, (own, day) in pairs.items():
            slack = _PART * np.abs(day) if name in ("volume", "total_turnover") else _HALF_FEN
            wrong[name] = np.isfinite(own) & np.isfinite(day) & (np.abs(own - day) > slack)
        # The day's own extremes may lie in trades that no minute shows, never the minutes' beyond the day's.
        failed = np.logical_or.reduce(list(wrong.values()))

        def say(at: int) -> str:
            parts = [f"{name} {pairs[name][0][at]:g}, daily {pairs[name][1][at]:g}" for name in pairs if wrong[name][at]]
            own, day = pairs["volume"][0][at], pairs["volume"][1][at]
            lots = " (volume in lots of 100?)" if wrong["volume"][at] and abs(own * 100 - day) <= 0.02 * day else ""
            return "; ".join(parts) + lots

        self._count("sums", ~failed, told, say)

    def _count(self, check: str, passed: Flags, rows: pa.Table, say: Any) -> None:
        self.checked[check] += len(passed)
        self.failed[check] += int(np.count_nonzero(~passed))
        self._show(check, np.flatnonzero(~passed), rows, say)

    def _show(self, check: str, failed: Ints, rows: pa.Table, say: Any) -> None:
        for at in failed[: _EXAMPLES - len(self.examples[check])]:
            row = rows.select(["order_book_id", "trade_date"]).slice(int(at), 1).to_pylist()[0]
            key = {"order_book_id": row["order_book_id"], "trade_date": row["trade_date"].isoformat()}
            self.examples[check].append({**key, "detail": say(int(at))})

    @property
    def quality(self) -> float:
        """The mean of what passed, over the checks that had something to check."""
        parts = [1 - self.failed[name] / count for name, count in self.checked.items() if count]
        return round(sum(parts) / len(parts), 6) if parts else 1.0

    def facts(self) -> Iterable[dict[str, Any]]:
        """What each check came to, as JSON."""
        for name, count in self.checked.items():
            yield {"check": name, "checked": count, "failed": self.failed[name], "examples": self.examples[name]}


def _numbers(table: pa.Table, name: str) -> Floats:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
