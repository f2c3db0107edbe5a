"""Thirty runs of a day each and one run of thirty days publish the same content, whatever happens in those days."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.stocks.dictionary.indicators import FUNDAMENTAL
from app.stocks.factors.calculate import calculate as factors_calculate
from app.stocks.factors.declare import factor, registered
from app.stocks.indicators.calculate import calculate as indicators_calculate
from app.stocks.scoring.calculate import calculate as scores_calculate
from app.stocks.scoring.universe import Universe
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars

FIRST, RUNS = 55, 30
LAST_OF_ALL = 65
"""After this day 600006 is no longer listed."""


def market() -> pd.DataFrame:
    """An ex-date on day 60, a suspension from 62 to 66, the last day of one name, a listing on day 70, a split on day 80."""
    frame = bars(symbols=8, days=DAYS[: FIRST + RUNS])
    number = frame["trade_date"].map({day: at for at, day in enumerate(DAYS)})
    rests = (frame["order_book_id"] == "600000.XSHG") & number.between(62, 66)
    frame.loc[rests, ["open", "high", "low", "close"]] = np.nan
    frame.loc[rests, ["volume", "is_suspended"]] = [0, True]
    return frame[(frame["order_book_id"] != "600006.XSHG") | (number <= LAST_OF_ALL)]


def reports() -> pd.DataFrame:
    """A statement of everyone on day 20, and another on day 68, that becomes known two sessions later."""
    rows = [
        {
            "order_book_id": f"{600000 + number}.XSHG",
            "trade_date": DAYS[at],
            "known_date": DAYS[at + 2],
            "book_yield": 0.3 + at / 1e3,
        }
        for number in range(8)
        for at in (20, 68)
    ]
    return pd.DataFrame(rows).assign(source="test", roe_ttm=0.1, market_cap=1e9)


def run(host: MemoryHost, start: int, end: int) -> None:
    lake = host.lake()
    for dataset, frame in (("daily_bars", market()), ("fundamentals", reports())):
        inside = frame["trade_date"].between(DAYS[start], DAYS[end - 1])
        if inside.any():
            lake.stage(dataset, frame[inside])
    indicators_calculate(lake)
    factors_calculate(lake, registered.values())
    rules: dict[str, Any] = {"weights": {"rsi14": -1, "book_yield": 1, "drift": 1, "volume_ratio_5d": 1}}
    scores_calculate(lake, DAYS, own=registered, universe=Universe(min_sessions=0), **rules)
    outcome, _ = host.name(lake.publication())  # views are another test's matter
    assert outcome == "published"


def content(host: MemoryHost) -> dict[str, list[str]]:
    """The paths, hence the bits, of every dataset."""
    return {name: [file["path"] for file in known["files"]] for name, known in host.snapshot()["datasets"].items()}


def test_thirty_single_days_give_the_content_of_one_run(tmp_path: Path) -> None:
    before = dict(registered)
    registered.clear()
    try:
        factor(name="drift", inputs=["close", "volume"], lookback=10)(lambda close, volume: close.rolling(10).mean() / close)
        daily, once = MemoryHost(tmp_path / "daily"), MemoryHost(tmp_path / "once")
        for host in (daily, once):
            run(host, 0, FIRST)
        for at in range(FIRST, FIRST + RUNS):
            run(daily, at, at + 1)
        run(once, FIRST, FIRST + RUNS)
    finally:
        registered.clear()
        registered.update(before)
    assert content(daily) == content(once)
    assert len(daily.states) == RUNS + 2
    lake = daily.lake()
    for dataset in ("indicators", "factors", "scores"):
        gone = lake.read(dataset, symbols=["600006.XSHG"]).to_pandas()
        assert gone["trade_date"].max() == DAYS[LAST_OF_ALL], "a delisted name has its history, and nothing after it"
        rested = lake.read(dataset, symbols=["600000.XSHG"], start=DAYS[62], end=DAYS[66])
        assert rested.num_rows == 0, "a suspended day has no row"
    young = lake.read("indicators", symbols=["600004.XSHG"]).to_pandas()
    assert (young["trade_date"].min(), young["ma5"].first_valid_index()) == (DAYS[70], 4)
    known = lake.read("indicators", symbols=["600001.XSHG"]).to_pandas().set_index("trade_date")
    assert known.loc[: DAYS[21], [column.name for column in FUNDAMENTAL]].isna().all(axis=None)
    assert known.loc[DAYS[69], "book_yield"] < 0.36 < known["book_yield"].max()
