"""A price of a past day that the source had wrong: published, mended there, repaired. What stands on it changes once."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from app.stocks import exchanges
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.load import load_market_data
from app.stocks.ops.repair import refetch
from app.stocks.ops.validate import validate_data_quality
from tests.stocks.market import bars
from tests.stocks.op_context import Bench, Context

ONE = "600000.XSHG"
DATASETS = ("daily_bars", "indicators", "scores", "instruments")
KEY = ["order_book_id", "trade_date"]
MakeBench = Callable[..., Bench]


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    days = [day for day in exchanges.library()[0].sessions if "2024-01-02" <= day.isoformat() <= "2024-07-31"]
    return bars(symbols=12, days=days)


def publish(there: Bench, context: Context, *, repaired: bool = False) -> str:
    data = refetch(context) if repaired else load_market_data(context)
    data = validate_data_quality(context, data, publish=False)
    calculate_scores(context, calculate_indicators(context, data))
    return there.publish(context)


def content(there: Bench) -> dict[str, pd.DataFrame]:
    return {name: there.run().lake.read(name).to_pandas() for name in DATASETS}


def versions(there: Bench) -> dict[str, int]:
    return {name: there.host.states[-1]["datasets"][name]["version"] for name in DATASETS}


def moved(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    assert before[KEY].equals(after[KEY])
    return after[~((before == after) | (before.isna() & after.isna())).all(axis=1)]


def test_a_price_that_is_mended_at_the_source_changes_what_stands_on_it_once(
    market: pd.DataFrame, bench: MakeBench, tmp_path: Path
) -> None:
    file = tmp_path / "bars.parquet"
    day = sorted(market["trade_date"].unique())[90]
    at = market.index[(market["order_book_id"] == ONE) & (market["trade_date"] == day)][0]
    wrong = market.copy()
    wrong.loc[at, "close"] = market.loc[at, "low"]
    wrong.to_parquet(file)
    there = bench(source="files", files_path=str(file), at=datetime(2024, 7, 31, 12, tzinfo=UTC))
    assert publish(there, there.run()) == "published"
    corrupt, first = content(there), versions(there)

    market.to_parquet(file)
    assert publish(there, there.run(trade_date=day), repaired=True) == "published"
    mended = content(there)
    assert {name: number - first[name] for name, number in versions(there).items()} == {
        "daily_bars": 1, "indicators": 1, "scores": 1, "instruments": 0,
    }  # fmt: skip
    bar = moved(corrupt["daily_bars"], mended["daily_bars"])
    assert bar[[*KEY, "close"]].to_numpy().tolist() == [[ONE, day, market.loc[at, "close"]]]
    indicators = moved(corrupt["indicators"], mended["indicators"])
    assert set(indicators["order_book_id"]) == {ONE}
    assert min(indicators["trade_date"]) == min(moved(corrupt["scores"], mended["scores"])["trade_date"]) == day

    never = Bench(tmp_path / "never", there.known, there.at, there.settings)
    publish(never, never.run())
    for name, frame in content(never).items():
        pd.testing.assert_frame_equal(mended[name], frame, check_exact=True)
    assert publish(there, there.run(trade_date=day), repaired=True) == "unchanged"
