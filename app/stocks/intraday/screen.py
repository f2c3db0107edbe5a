"""What a delivery of bars of minutes may put into the lake: rows that may be true, one a key. All others go to quarantine."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from app.stocks import dictionary
from app.stocks.arrays import Flags, Ints
from app.stocks.instruments import BOARDS, board_of
from app.stocks.intraday.bars import PRICES, Bars
from app.stocks.quality.check import DUPLICATES
from app.stocks.quality.gate import QualityGate

NAME = "intraday_bars"
_NOISE = 1e-9
_TOO_MANY = 10_000


@dataclass(frozen=True)
class Screened:
    """`bars`: at most one a key. `kept_out`: rows of the dataset quarantine."""

    bars: Bars
    kept_out: pa.Table


def screen(delivery: pa.Table, frequency: str, sessions: Sequence[date]) -> Screened:
    """Part a delivery of one frequency. Raises QualityGate at once when most of a large one is bad."""
    bars = Bars.of(delivery, frequency)
    reason = np.full(len(bars.code), -1)
    checks = _checks(bars, sessions)
    for number in reversed(range(len(checks))):
        reason[checks[number][1]] = number
    failed = np.flatnonzero(reason >= 0)
    if len(failed) > _TOO_MANY and len(failed) * 2 > len(bars.code):
        name, _, say = checks[reason[failed[0]]]
        why = f"{_named(bars, failed[0])}, {name}: {say(failed[0])}"
        raise QualityGate(f"{len(failed)} of {len(bars.code)} bars are bad, such as {why}")
    if not len(failed):
        return Screened(bars, dictionary.get("quarantine").arrow.empty_table())
    out = [(int(at), checks[reason[at]][0], checks[reason[at]][2](int(at))) for at in failed]
    return Screened(Bars.of(bars.table.filter(pa.array(reason < 0)), frequency), _quarantine(bars, out))


def _checks(bars: Bars, sessions: Sequence[date]) -> list[tuple[str, Flags, Callable[[int], str]]]:
    """Name, the rows that fail, and what to say of one; the first that a row fails is the one that is named."""
    share = np.array([board_of(one) in BOARDS for one in bars.ids], dtype=bool)
    open_, high, low, close = (bars.numbers(name) for name in PRICES)
    volume, turnover = bars.numbers("volume"), bars.numbers("total_turnover")
    fits = (bars.place >= 0) & ((bars.place + 1) % bars.length == 0)
    prices = np.stack([open_, high, low, close])
    spread = (low > np.fmin(open_, close) + _NOISE) | (high < np.fmax(open_, close) - _NOISE)
    return [
        ("instrument", ~share[bars.code] if len(share) else np.zeros(0, bool), lambda at: f"{_id(bars, at)} is no A-share"),
        ("session", ~bars.on_session(sessions), lambda at: "is of a day without trading"),
        ("minutes", ~fits, lambda at: f"no bar of {bars.length} minutes ends then"),
        ("nulls", np.isnan(prices).any(axis=0), lambda at: "lacks a price"),
        ("positive", ~(np.isfinite(prices) & (prices > 0)).all(axis=0), lambda at: f"has prices {prices[:, at].tolist()}"),
        ("ohlc", spread, lambda at: f"open {open_[at]:g}, high {high[at]:g}, low {low[at]:g}, close {close[at]:g}"),
        ("volume", ~(volume >= 0) | (turnover < 0), lambda at: f"volume is {volume[at]:g}, turnover {turnover[at]:g}"),
        (DUPLICATES, _repeated(bars), lambda at: "comes more than once"),
    ]


def _repeated(bars: Bars) -> Flags:
    """Of equal rows with one key all but the first; of contradicting ones all."""
    same = (bars.code[1:] == bars.code[:-1]) & (bars.day[1:] == bars.day[:-1]) & (bars.minute[1:] == bars.minute[:-1])
    again = np.concatenate([[False], same])[: len(bars.code)]
    if not again.any():
        return again
    differs = np.zeros(len(again), dtype=bool)
    for name in (*PRICES, "volume", "total_turnover"):
        values = bars.numbers(name)
        differs[1:] |= same & ~((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    group: Ints = np.cumsum(~again) - 1
    return again | np.isin(group, group[differs])


def _id(bars: Bars, at: int) -> str:
    return str(bars.ids[bars.code[at]])


def _named(bars: Bars, at: int) -> str:
    return f"{_id(bars, at)} {bars.table.column('at')[int(at)].as_py()}"


def _quarantine(bars: Bars, out: Sequence[tuple[int, str, str]]) -> pa.Table:
    made: dict[str, dict[str, Any]] = {}
    for row, (_, check, why) in zip(bars.table.take([at for at, *_ in out]).to_pylist(), out, strict=True):
        text = json.dumps(row, default=str, ensure_ascii=False)
        mark = hashlib.sha256(f"{check} {text}".encode()).hexdigest()[:20]
        kept = {"dataset": NAME, "fingerprint": mark, "check": check, "reason": f"{row['at']}: {why}", "row": text}
        kept |= {name: row[name] for name in ("order_book_id", "trade_date", "source")}
        made.setdefault(mark, kept | {"occurrences": 0})["occurrences"] += 1
    return pa.Table.from_pylist(list(made.values()), schema=dictionary.get("quarantine").arrow)
