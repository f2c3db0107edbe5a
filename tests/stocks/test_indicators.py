"""Indicators: TA-Lib's numbers on back-adjusted prices, KDJ by hand, and an incremental run that equals a full one."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib

from app.definitions.lake import FileFacts, staging
from app.stocks import dictionary
from app.stocks.dictionary.indicators import FUNDAMENTAL, TECHNICAL
from app.stocks.indicators.calculate import calculate
from app.stocks.indicators.technical import technical
from app.stocks.lake.market_lake import MarketLake
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars, pick, sse50


@pytest.fixture(autouse=True)
def several_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are built as large ones are."""
    monkeypatch.setattr("app.stocks.lake.parquet.ROWS_PER_GROUP", 32)


NAMES = [column.name for column in TECHNICAL]


def indicators(lake: MarketLake, symbol: str | None = None) -> pd.DataFrame:
    table: pd.DataFrame = lake.read("indicators", symbols=None if symbol is None else [symbol]).to_pandas()
    return table


def full(folder: Path, *frames: tuple[str, pd.DataFrame], **options: Any) -> list[str]:
    """The paths, hence the bits, of the indicators that one run over everything makes."""
    lake = MemoryHost(folder).lake()
    for name, frame in frames:
        lake.stage(name, frame)
    calculate(lake, **options)
    return paths(lake.files("indicators"))


def paths(files: list[FileFacts]) -> list[str]:
    return [file["path"] for file in files]


@pytest.mark.data
@pytest.mark.parametrize("symbol", ["600519.XSHG", "600036.XSHG", "601088.XSHG"])
def test_real_bars_give_talibs_numbers_on_back_adjusted_prices(market_data: Path, tmp_path: Path, symbol: str) -> None:
    raw = sse50(market_data)
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", raw)
    calculate(lake)
    rows = pick(raw, symbol).sort_values("trade_date")
    assert rows["adj_factor"].nunique() > 1 or symbol != "600036.XSHG", "one of them must go through an ex-date"
    close, high, low = (np.asarray(rows[name] * rows["adj_factor"]) for name in ("close", "high", "low"))
    volume = np.asarray(rows["volume"], dtype=float)
    dif, dea, hist = talib.MACD(close)
    up, mid, down = talib.BBANDS(close, 20)
    returns = pd.Series(close).pct_change()
    expected = {
        **{f"ma{n}": talib.SMA(close, n) for n in (5, 10, 20, 60)},
        **{f"ema{n}": talib.EMA(close, n) for n in (12, 26)},
        **{f"rsi{n}": talib.RSI(close, n) for n in (6, 12, 14, 24)},
        "macd_dif": dif,
        "macd_dea": dea,
        "macd_hist": hist,
        "boll_up": up,
        "boll_mid": mid,
        "boll_low": down,
        "atr14": talib.ATR(high, low, close, 14),
        "obv_20d": pd.Series(talib.OBV(close, volume)).diff(20),
        "volatility_20d": returns.rolling(20).std(),
        "momentum_20d": pd.Series(close).pct_change(20),
        "volume_ratio_5d": volume / pd.Series(volume).rolling(5).mean().shift(1),
        **dict(zip(("kdj_k", "kdj_d", "kdj_j"), kdj_by_hand(high, low, close), strict=True)),
    }
    assert set(expected) == set(NAMES)
    found = indicators(lake, symbol)
    assert found["trade_date"].tolist() == rows["trade_date"].tolist()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], np.asarray(values), rtol=1e-9, atol=1e-9, err_msg=name)


def kdj_by_hand(high: Any, low: Any, close: Any) -> tuple[list[float], list[float], list[float]]:
    """KDJ (9,3,3) straight from its definition, one bar at a time."""
    k = d = 50.0
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    for bar in range(len(close)):
        if bar < 8:
            values = (np.nan, np.nan, np.nan)
        else:
            top, bottom = max(high[bar - 8 : bar + 1]), min(low[bar - 8 : bar + 1])
            if top > bottom:
                k = 2 / 3 * k + 1 / 3 * (100 * (close[bar] - bottom) / (top - bottom))
                d = 2 / 3 * d + 1 / 3 * k
            values = (k, d, 3 * k - 2 * d)
        for series, value in zip(found, values, strict=True):
            series.append(value)
    return found


def test_kdj_stays_where_the_range_is_zero() -> None:
    close = np.concatenate([np.full(15, 10.0), np.linspace(10, 12, 10), np.full(12, 12.0), np.linspace(12, 9, 10)])
    found = technical(close, close, close, np.ones(len(close)))
    for name, values in zip(("kdj_k", "kdj_d", "kdj_j"), kdj_by_hand(close, close, close), strict=True):
        np.testing.assert_allclose(found[name], values, rtol=1e-12, err_msg=name)
    assert found["kdj_k"][8:15].tolist() == [50.0] * 7


@pytest.mark.parametrize("size", [1, 2, 5, 9, 21, 61])
def test_short_histories_are_null_before_the_warm_up(size: int) -> None:
    found = technical(*(np.linspace(10, 11, size) for _ in range(4)))
    assert list(found) == NAMES
    warm_up = {"ma5": 4, "ma60": 59, "macd_hist": 33, "rsi14": 14, "kdj_k": 8, "boll_up": 19, "atr14": 14,
               "obv_20d": 20, "volatility_20d": 20, "momentum_20d": 20, "volume_ratio_5d": 5}  # fmt: skip
    for name, bars_needed in warm_up.items():
        assert np.isnan(found[name][:bars_needed]).all(), name
        assert not np.isnan(found[name][bars_needed:]).any(), name


def test_an_ex_date_and_a_split_leave_no_jump(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    frame = bars()
    lake.stage("daily_bars", frame)
    calculate(lake)
    split = indicators(lake, "600002.XSHG")
    plain = pick(frame, "600002.XSHG").reset_index(drop=True)
    plain.loc[80:, ["high", "low", "close"]] *= 2
    plain.loc[80:, "volume"] /= 2
    expected = technical(*(plain[name].to_numpy(dtype=float) for name in ("high", "low", "close", "volume")))
    for name in NAMES:
        np.testing.assert_allclose(split[name], expected[name], rtol=1e-12, err_msg=name)


def test_only_traded_days_have_indicators_and_windows_reach_over_a_suspension(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    frame = bars()
    lake.stage("daily_bars", frame)
    calculate(lake)
    found = indicators(lake, "600003.XSHG")
    assert found["trade_date"].tolist() == DAYS[:40] + DAYS[50:]
    closes = pick(frame, "600003.XSHG")["close"].dropna().to_numpy()
    np.testing.assert_allclose(found["ma5"], talib.SMA(closes, 5))
    assert indicators(lake, "600004.XSHG")["trade_date"].tolist() == DAYS[70:]


def test_an_unknown_volume_nulls_the_windows_that_hold_it_and_no_more(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    frame = bars(symbols=1)
    frame["volume"] = frame["volume"].astype("Int64")
    frame.loc[50, "volume"] = pd.NA
    lake.stage("daily_bars", frame)
    calculate(lake)
    found = indicators(lake)
    assert found.index[found["volume_ratio_5d"].isna()].tolist() == [0, 1, 2, 3, 4, *range(50, 56)]
    assert found.index[found["obv_20d"].isna()].tolist() == [*range(20), *range(50, 70)]
    assert found["rsi6"].notna().sum() == 144


def test_without_any_factor_the_fact_goes_along(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars().assign(adj_factor=None, split_factor=None))
    calculate(lake)
    assert lake.facts("indicators")["adjusted"] is False
    other = MemoryHost(tmp_path / "other").lake()
    other.note("daily_bars", adjusted=False, quality=0.5)
    other.stage("daily_bars", bars())
    calculate(other)
    assert other.facts("indicators")["adjusted"] is False
    assert other.reference("indicators").quality == 0.5


CHANGES: dict[str, pd.DataFrame] = {
    "a new day": bars(days=DAYS[-1:], seed=5),
    "a restated close in the middle": pick(bars(), "600000.XSHG", DAYS[50]).assign(close=21.0),
    "a late factor": pick(bars(), "600001.XSHG").iloc[60:].assign(adj_factor=1.07),
    "a split found later": pick(bars(), "600000.XSHG").iloc[100:].assign(adj_factor=3.0, split_factor=3.0),
    "a day that was no trading": pick(bars(), "600003.XSHG", DAYS[60]).assign(is_suspended=True, close=None, high=None, low=None),
    "a new listing": pick(bars(symbols=8, seed=9), "600007.XSHG").iloc[140:],
    "an older history": pick(bars(), "600004.XSHG").head(1).assign(trade_date=DAYS[10]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_incremental_run_equals_a_full_one_bit_for_bit(tmp_path: Path, what: str) -> None:
    host = MemoryHost(tmp_path / "incremental")
    first = host.lake()
    known = bars(days=DAYS[:-1]) if what == "a new day" else bars()
    first.stage("daily_bars", known)
    calculate(first)
    host.publish(first)
    second = host.lake()
    second.stage("daily_bars", CHANGES[what])
    result = calculate(second)
    assert 0 < result.rows < len(known)
    assert paths(second.files("indicators")) == full(tmp_path / "full", ("daily_bars", known), ("daily_bars", CHANGES[what]))


def test_blocks_of_any_size_give_the_same_bits(tmp_path: Path) -> None:
    whole = full(tmp_path / "whole", ("daily_bars", bars()))
    assert full(tmp_path / "blocks", ("daily_bars", bars()), rows_per_block=1) == whole
    assert full(tmp_path / "two", ("daily_bars", bars()), rows_per_block=200) == whole


def test_the_second_run_calculates_and_stages_nothing(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    first = host.lake()
    first.stage("daily_bars", bars())
    calculate(first)
    host.publish(first)
    second = host.lake()
    assert calculate(second).rows == 0
    assert host.publish(second) == "unchanged"
    third = host.lake()
    third.stage("daily_bars", bars().assign(limit_up=99.0))
    assert calculate(third).rows == 0, "no indicator reads the price limits"


def test_a_new_day_writes_only_its_own_rows(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    first = host.lake()
    first.stage("daily_bars", bars(days=DAYS[:-1]))
    calculate(first)
    host.publish(first)
    second = host.lake()
    second.stage("daily_bars", CHANGES["a new day"])
    assert calculate(second).rows == 5
    assert [file["partition"] for file in second.staged() if file["dataset"] == "indicators"] == [f"{DAYS[-1]:%Y-%m}"]


def test_a_step_that_lost_the_comparison_calculates_again_on_the_new_base(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path / "two")
    first = host.lake()
    first.stage("daily_bars", bars(days=DAYS[:-1]))
    calculate(first)
    host.publish(first)
    mine, other = host.lake(), host.lake()
    own, theirs = CHANGES["a restated close in the middle"], CHANGES["a new day"]
    mine.stage("daily_bars", own)
    mark = staging.set(step := [])
    calculate(mine)
    staging.reset(mark)
    other.stage("daily_bars", theirs)
    calculate(other)
    assert host.publish(other) == "published"
    outcome, state = host.name(mine.publication())
    assert outcome == "conflict"
    mine.drop(step)
    mine.rebase(state)
    assert calculate(mine).rows > 0
    assert host.publish(mine) == "published"
    frames = [("daily_bars", frame) for frame in (bars(days=DAYS[:-1]), own, theirs)]
    assert paths(host.lake().files("indicators")) == full(tmp_path / "full", *frames)


def test_a_lost_comparison_further_on_is_made_good_by_the_next_run(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path / "two")
    first = host.lake()
    first.stage("daily_bars", bars(days=DAYS[:-1]))
    calculate(first)
    host.publish(first)
    mine, other = host.lake(), host.lake()
    own, theirs = CHANGES["a restated close in the middle"], CHANGES["a new day"]
    for lake, change in ((mine, own), (other, theirs)):
        lake.stage("daily_bars", change)
        calculate(lake)
    assert [host.publish(other), host.publish(mine), host.publish(mine)] == ["published", "conflict", "published"]
    next_run = host.lake()
    calculate(next_run)
    frames = [("daily_bars", frame) for frame in (bars(days=DAYS[:-1]), own, theirs)]
    assert paths(next_run.files("indicators")) == full(tmp_path / "full", *frames)


def test_what_was_narrowed_away_stays_due(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path / "narrowed")
    lake = host.lake()
    lake.stage("daily_bars", bars())
    calculate(lake, symbols=["600001.XSHG"], end=DAYS[99])
    found = indicators(lake)
    assert set(found["order_book_id"]) == {"600001.XSHG"}
    assert found["trade_date"].tolist() == DAYS[:100]
    host.publish(lake)
    calculate(lake)
    assert paths(lake.files("indicators")) == full(tmp_path / "full", ("daily_bars", bars()))


def test_new_formulas_replace_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = MemoryHost(tmp_path)
    lake = host.lake()
    lake.stage("daily_bars", bars())
    lake.stage("indicators", pd.DataFrame({"order_book_id": ["600000.XSHG"], "trade_date": [date(2023, 5, 5)], "ma5": [1.0]}))
    calculate(lake)
    assert lake.read("indicators", end=date(2023, 12, 31)).num_rows == 0
    host.publish(lake)
    monkeypatch.setattr("app.stocks.indicators.touched.VERSION", 2)
    assert calculate(host.lake()).rows == len(lake.read("indicators"))


def test_when_the_older_bars_are_gone_everything_in_them_is_calculated_again(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    first = host.lake()
    first.stage("daily_bars", bars())
    calculate(first)
    host.publish(first)
    second = host.lake()
    old = second.path("daily_bars", f"{DAYS[-1]:%Y-%m}")
    second.stage("daily_bars", pick(bars(), "600000.XSHG", DAYS[-1]).assign(close=50.0))
    assert old is not None
    old.unlink()
    assert calculate(second).symbols == 6


def valuation(known: date, of: date, **values: float) -> pd.DataFrame:
    row = {"order_book_id": "600002.XSHG", "trade_date": of, "known_date": known, "source": "test"}
    return pd.DataFrame([{**row, **values}])


def test_fundamentals_are_used_from_their_known_date_on_and_move_with_the_split_adjusted_close(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    lake.stage("fundamentals", valuation(DAYS[72], DAYS[70], earnings_yield=0.05, book_yield=0.5, roe_ttm=0.1, market_cap=1e9))
    lake.stage("fundamentals", valuation(DAYS[90], DAYS[90], earnings_yield=0.08))
    calculate(lake)
    found = indicators(lake, "600002.XSHG")
    raw = pick(bars(), "600002.XSHG").reset_index(drop=True)
    # The split of day 80 doubles the shares: neither profit nor market value change by it.
    close = (raw["close"] * raw["split_factor"]).to_numpy()
    assert found["earnings_yield"][:72].isna().all()
    np.testing.assert_allclose(found["earnings_yield"][72:90], 0.05 * close[70] / close[72:90])
    np.testing.assert_allclose(found["log_market_cap"][72:90], np.log(1e9 * close[72:90] / close[70]))
    np.testing.assert_allclose(found["earnings_yield"][90:], 0.08 * close[90] / close[90:])
    assert set(found["roe_ttm"][72:90]) == {0.1}
    assert found["roe_ttm"][90:].isna().all(), "a row that lacks a value does not borrow it from an older one"
    assert indicators(lake, "600001.XSHG")[[column.name for column in FUNDAMENTAL]].isna().all(axis=None)


def test_what_became_known_later_of_an_older_day_replaces_nothing(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    lake.stage("fundamentals", valuation(DAYS[90], DAYS[90], earnings_yield=0.08))
    lake.stage("fundamentals", valuation(DAYS[120], DAYS[60], earnings_yield=0.01))
    calculate(lake)
    close = (pick(bars(), "600002.XSHG")["close"] * pick(bars(), "600002.XSHG")["split_factor"]).to_numpy()
    found = indicators(lake, "600002.XSHG")["earnings_yield"]
    np.testing.assert_allclose(found[90:], 0.08 * close[90] / close[90:])


@pytest.mark.parametrize(
    "change",
    [
        valuation(DAYS[95], DAYS[90], earnings_yield=0.08),
        valuation(DAYS[130], DAYS[130], earnings_yield=0.07),
        valuation(DAYS[120], DAYS[60], earnings_yield=0.01),
    ],
)
def test_changed_fundamentals_are_calculated_again_bit_for_bit(tmp_path: Path, change: pd.DataFrame) -> None:
    host = MemoryHost(tmp_path / "incremental")
    first = valuation(DAYS[90], DAYS[90], earnings_yield=0.08)
    lake = host.lake()
    lake.stage("daily_bars", bars())
    lake.stage("fundamentals", first)
    calculate(lake)
    host.publish(lake)
    later = host.lake()
    later.stage("fundamentals", change)
    assert calculate(later).symbols == 1
    frames = [("daily_bars", bars()), ("fundamentals", first), ("fundamentals", change)]
    assert paths(later.files("indicators")) == full(tmp_path / "full", *frames)


def test_the_dictionary_has_a_column_for_each_formula() -> None:
    assert dictionary.get("indicators").names == (
        "order_book_id",
        "trade_date",
        *NAMES,
        *(column.name for column in FUNDAMENTAL),
    )


def test_every_formula_names_its_source() -> None:
    formulas = {column.name: column.formula for column in dictionary.get("indicators").columns[2:]}
    assert [name for name, formula in formulas.items() if not formula.partition("; ")[2]] == []
