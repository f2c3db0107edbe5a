"""Scores without what size or industry explains."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from app.errors import Invalid
from app.stocks import dictionary
from app.stocks.indicators import calculate as indicators_of
from app.stocks.lake.market_lake import MarketLake
from app.stocks.scoring import calculate as scores_of
from app.stocks.scoring.neutralise import Exposure, Industries, residual
from app.stocks.scoring.universe import Universe, as_days
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars

EVERYBODY = Universe(min_sessions=0)
WEIGHTS = {"momentum_20d": 1.0, "rsi14": -1.0, "book_yield": 1.0}
INDUSTRIES = ("银行", "食品饮料", "电子")
BOTH: list[tuple[Exposure, ...]] = [("size",), ("industry",), ("size", "industry")]


@pytest.mark.parametrize("by", BOTH)
def test_the_residual_is_that_of_a_regression_of_each_date(by: tuple[Exposure, ...]) -> None:
    rng = np.random.default_rng(7)
    z, size = rng.normal(size=(5, 40)), rng.normal(size=(5, 40))
    industry = rng.integers(-1, 4, size=(5, 40))
    z[rng.random(z.shape) < 0.1] = np.nan
    size[rng.random(z.shape) < 0.1] = np.nan
    found = residual(z, size if "size" in by else None, industry if "industry" in by else None)
    for day in range(5):
        known = ~np.isnan(z[day])
        explains = [np.ones(40)] if "industry" not in by else [(industry[day] == number).astype(float) for number in range(4)]
        if "size" in by:
            known &= ~np.isnan(size[day])
            explains.append(np.nan_to_num(size[day]))
        if "industry" in by:
            known &= industry[day] >= 0
        matrix = np.column_stack(explains)[known]
        left = z[day][known] - matrix @ np.linalg.lstsq(matrix, z[day][known])[0]
        np.testing.assert_allclose(found[day][known], left / left.std(), atol=1e-9)
        assert np.isnan(found[day][~known]).all()


def test_what_is_explained_wholly_is_nothing_and_not_noise() -> None:
    size = np.random.default_rng(1).normal(size=(2, 30))
    assert (residual(3 * size + 1, size, None) == 0).all()
    alone = np.tile(np.arange(30), (2, 1))
    assert (residual(size, None, alone) == 0).all(), "one in each industry"


def instruments(*rows: tuple[str, str, str | None, str | None]) -> pa.Table:
    columns = ("order_book_id", "valid_from", "valid_to", "industry")
    frame = []
    for row in rows:
        said = dict(zip(columns, row, strict=True))
        dates = {name: date.fromisoformat(day) if day else None for name, day in said.items() if name.startswith("valid")}
        frame.append({"source": "test", **said, **dates})
    return pa.Table.from_pylist(frame, schema=dictionary.get("instruments").arrow)


def test_an_industry_holds_for_its_period() -> None:
    known = Industries(
        instruments(
            ("600000.XSHG", "1900-01-01", "2024-01-03", "银行"),
            ("600000.XSHG", "2024-01-04", None, "电子"),
            ("600001.XSHG", "2024-01-03", "2024-01-03", "银行"),
            ("600002.XSHG", "1900-01-01", None, None),
        )
    )
    found = known.on(["599999.XSHG", "600000.XSHG", "600001.XSHG", "600002.XSHG"], as_days(DAYS[:4]))
    bank, other = found[0, 1], found[2, 1]
    assert bank != other
    assert found.tolist() == [[-1, bank, -1, -1], [-1, bank, bank, -1], [-1, other, -1, -1], [-1, other, -1, -1]]
    assert not Industries(instruments(("600000.XSHG", "1900-01-01", None, None))).known


@pytest.fixture
def lake(tmp_path: Path) -> MarketLake:
    made = MemoryHost(tmp_path).lake()
    frame = bars(symbols=12)
    made.stage("daily_bars", frame)
    symbols = sorted(frame["order_book_id"].unique())
    values = {"trade_date": DAYS[40], "known_date": DAYS[40], "source": "test"}
    rows = [{"order_book_id": one, **values, "book_yield": 0.1 + n, "market_cap": 1e9 * 2**n} for n, one in enumerate(symbols)]
    made.stage("fundamentals", pd.DataFrame(rows))
    names = [(one, "1900-01-01", None, INDUSTRIES[n % 3]) for n, one in enumerate(symbols)]
    made.stage("instruments", instruments(*names))
    indicators_of.calculate(made)
    return made


def scored(lake: MarketLake, *by: Exposure, **rules: Any) -> pd.DataFrame:
    rules = {"weights": WEIGHTS, "universe": EVERYBODY, **rules}
    scores_of.calculate(lake, DAYS, neutralise=by, **rules)
    return lake.read("scores").to_pandas()


def test_contributions_stand_aslant_to_what_was_taken_out(lake: MarketLake) -> None:
    plain = scored(lake)
    size = lake.read("indicators", columns=["order_book_id", "trade_date", "log_market_cap"]).to_pandas()
    found = scored(lake, "size").merge(size, on=["order_book_id", "trade_date"])
    day = found[found["trade_date"] == DAYS[100]]
    assert len(day) == len(plain[plain["trade_date"] == DAYS[100]]) == 12
    before = plain[plain["trade_date"] == DAYS[100]].merge(size, on=["order_book_id", "trade_date"])
    for name in WEIGHTS:
        # Twelve values lose nothing at their tails but the outermost, so that little of the size is left.
        assert abs(day[f"contrib_{name}"].corr(day["log_market_cap"])) < 0.05
    assert before["contrib_book_yield"].corr(before["log_market_cap"]) > 0.5
    assert found["trade_date"].min() == DAYS[40], "before the first market value there is no score"
    again = scored(lake, "industry", min_factors=1)
    there = again[again["trade_date"] == DAYS[100]]
    z = there["contrib_rsi14"] * there["factors"]  # the weights are equal, so a missing one is made good by the count
    np.testing.assert_allclose(z.groupby([INDUSTRIES[n % 3] for n in range(12)]).mean(), 0, atol=1e-12)


def test_other_industries_score_the_months_anew_in_which_they_hold(lake: MarketLake) -> None:
    scored(lake, "industry")
    assert scores_of.calculate(lake, DAYS, neutralise=["industry"], weights=WEIGHTS, universe=EVERYBODY).months == 0
    periods = [("600000.XSHG", "1900-01-01", "2024-05-31", "银行"), ("600000.XSHG", "2024-06-01", None, "电子")]
    lake.stage("instruments", instruments(*periods))
    months = len({(day.year, day.month) for day in DAYS if day >= date(2024, 6, 1)})
    assert scores_of.calculate(lake, DAYS, neutralise=["industry"], weights=WEIGHTS, universe=EVERYBODY).months == months


def test_what_the_lake_cannot_tell_is_refused_with_the_place(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    indicators_of.calculate(lake)
    with pytest.raises(Invalid) as refused:
        scored(lake, "size", "industry", weights={**WEIGHTS, "log_market_cap": 1.0})
    assert [fault.pointer for fault in refused.value.faults] == ["/neutralise", "/weights", "/neutralise"]
    assert "by industry is not possible: the source gives no industry" in str(refused.value)
    assert lake.read("scores").num_rows == 0
