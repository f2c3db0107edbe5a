"""A small market for tests: bars of valid instruments with everything that bends indicators."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

DAYS = [day.date() for day in pd.bdate_range("2024-01-02", periods=150)]


def bars(symbols: int = 6, days: list[date] = DAYS, seed: int = 1) -> pd.DataFrame:
    """Bars with an ex-date (symbol 1), a split (2), a suspension (3), a late listing (4) and no factor at all (5)."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(symbols):
        frame = _one(f"{600000 + number}.XSHG", days, rng)
        match number:
            case 1:
                frame.loc[60:, "adj_factor"] = 1.05
            case 2:
                frame.loc[80:, ["adj_factor", "split_factor"]] = 2.0
                frame.loc[80:, ["open", "high", "low", "close"]] /= 2
                frame.loc[80:, "volume"] *= 2
            case 3:
                frame.loc[40:49, "is_suspended"] = True
                frame.loc[40:49, ["open", "high", "low", "close"]] = np.nan
                frame.loc[40:49, "volume"] = 0
            case 4:
                frame = frame.iloc[70:]
            case 5:
                frame[["adj_factor", "split_factor"]] = np.nan
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _one(symbol: str, days: list[date], rng: np.random.Generator) -> pd.DataFrame:
    size = len(days)
    close = np.round(20 * np.exp(np.cumsum(rng.normal(0, 0.02, size))), 2)
    columns: dict[str, Any] = {
        "order_book_id": symbol,
        "trade_date": days,
        "open": close,
        "high": np.round(close * (1 + rng.uniform(0, 0.02, size)), 2),
        "low": np.round(close * (1 - rng.uniform(0, 0.02, size)), 2),
        "close": close,
        "volume": rng.integers(10_000, 1_000_000, size),
        "turnover_rate": rng.uniform(0.001, 0.05, size),
        "adj_factor": 1.0,
        "split_factor": 1.0,
        "is_suspended": False,
        "is_st": False,
        "source": "test",
    }
    return pd.DataFrame(columns)


def pick(frame: pd.DataFrame, symbol: str | None = None, day: date | None = None) -> pd.DataFrame:
    """The rows of one instrument, one day, or both."""
    keep = pd.Series(True, index=frame.index)
    if symbol is not None:
        keep &= frame["order_book_id"] == symbol
    if day is not None:
        keep &= frame["trade_date"] == day
    return frame[keep]


def sse50(market_data: Any) -> pd.DataFrame:
    """The real bars of 50 stocks in 2025 under our names; nothing is repaired, a suspended day has no row."""
    raw = pd.read_parquet(market_data / "sse50_2025_daily.parquet")
    frame = raw.rename(columns={"date": "trade_date", "pre_close": "prev_close"}).drop(columns=["pct_chg"])
    return frame.assign(is_suspended=False, source="files")
