"""check_known_dates: what nobody knew on its day stops a run; what was known passes through."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from app.definitions import Dataset
from app.errors import Invalid
from app.stocks.indicators import fundamental, known
from app.stocks.indicators.known import UsedTooEarly
from app.stocks.indicators.prices import Floats, Series
from app.stocks.lake.market_lake import market_lake
from app.stocks.lake.sweep import Block
from app.stocks.ops.calculation import calculate_indicators
from app.stocks.ops.indicator_parts import calc_fundamental
from app.stocks.ops.known_dates import check_known_dates
from app.stocks.ops.load import load_market_data
from tests.stocks.market import DAYS, bars
from tests.stocks.op_context import Bench, Context

MakeBench = Callable[..., Bench]


def statements() -> pd.DataFrame:
    """A quarter each 45 days of every instrument but one, known two days later; each restated ten days on."""
    rows = []
    for number in (0, 1, 2, 3, 4):
        for quarter, at in enumerate(range(2, 140, 45)):
            values = {"earnings_yield": 0.05 + number / 100 + quarter / 1000, "roe_ttm": 0.1 + quarter / 100, "market_cap": 1e9}
            for late, change in ((2, 0.0), (10, 0.01)):
                key = {
                    "order_book_id": f"{600000 + number}.XSHG",
                    "trade_date": DAYS[at + late - 2],
                    "known_date": DAYS[at + late],
                }
                rows.append({**key, **values, "book_yield": 0.4 + change, "source": "test"})
    return pd.DataFrame(rows)


def run(bench: MakeBench) -> Context:
    context = bench().run()
    context.lake.stage("fundamentals", statements())
    context.lake.stage("daily_bars", bars())
    return context


def test_what_was_known_passes_whole(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "DATES", 20)
    context = run(bench)
    rows = calc_fundamental(context, Dataset("daily_bars"))
    assert check_known_dates(context, rows) is rows
    assert 50 < context.metrics["rows_judged"] < 100, "twenty dates of four instruments, then five"
    indicators = calculate_indicators(context, Dataset("daily_bars"))
    assert check_known_dates(context, indicators) is indicators
    assert 50 < context.metrics["rows_judged"] < 100


def too_early(days: int) -> Callable[[Series, Block], dict[str, Floats]]:
    """The fundamental columns as they would be if everything were known so many days sooner."""
    rightly = fundamental.fundamental

    def wrongly(series: Series, told: Block) -> dict[str, Floats]:
        values = {**told.values, "known_date": told.values["known_date"] - days}
        return rightly(series, Block(told.symbols, told.code, told.days, values))

    return wrongly


@pytest.mark.parametrize("days", [1, 30])
def test_what_was_not_yet_known_stops_the_run(bench: MakeBench, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    context = run(bench)
    monkeypatch.setattr("app.stocks.indicators.calculate.fundamental.fundamental", too_early(days))
    rows = calc_fundamental(context, Dataset("daily_bars"))
    with pytest.raises(UsedTooEarly, match=r"not known on their day: \w+ of 60000\d.XSHG on 2024-") as failed:
        check_known_dates(context, rows)
    assert failed.value.reason == "quality_gate"


def test_one_value_among_all_is_found_and_named(bench: MakeBench) -> None:
    context = run(bench)
    frame = calc_fundamental(context, Dataset("daily_bars")).to_pandas()
    one = (frame["order_book_id"] == "600002.XSHG") & (frame["trade_date"] == DAYS[-1])
    message = f"roe_ttm of 600002.XSHG on {DAYS[-1]} is 0.12, and what was known then is 0.13"
    with pytest.raises(UsedTooEarly, match=f"their day: {message}"):
        check_known_dates(context, frame.assign(roe_ttm=frame["roe_ttm"].mask(one, 0.12)))


def test_rows_that_say_when_they_were_known_are_judged_by_that(bench: MakeBench) -> None:
    context = bench().run()
    rows = statements().assign(trade_date=lambda frame: frame["known_date"])
    assert check_known_dates(context, rows) is rows
    table = pa.Table.from_pandas(rows)
    assert check_known_dates(context, table) is table
    rows.loc[3, "known_date"] += timedelta(days=1)
    with pytest.raises(UsedTooEarly, match=f"of 600000.XSHG on {rows['trade_date'][3]}, known from {rows['known_date'][3]} on"):
        check_known_dates(context, rows)


def test_what_has_no_rows_or_no_days_is_refused(bench: MakeBench) -> None:
    with pytest.raises(Invalid, match="has no rows"):
        check_known_dates(bench().run(), 3)
    with pytest.raises(Invalid, match="no trade_date"):
        check_known_dates(bench().run(), pd.DataFrame({"roe_ttm": [1.0]}))


def test_the_simulated_markets_reports_are_used_when_they_are_known(bench: MakeBench) -> None:
    context = bench(simulated_symbols=30, simulated_years=1).run()
    load_market_data(context)
    rows = calc_fundamental(context, Dataset("daily_bars"))
    check_known_dates(context, rows)
    assert context.metrics["rows_judged"] > 100
    assert np.isfinite(market_lake(context).read("fundamentals").column("roe_ttm").to_numpy()).any()
