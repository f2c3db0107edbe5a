"""Factors of one's own: what may be one, what its column holds, and what of it is calculated again."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from app.errors import Invalid
from app.stocks import factor
from app.stocks.factors import due
from app.stocks.factors.calculate import calculate
from app.stocks.factors.call import FactorFailed
from app.stocks.factors.declare import Factor, registered
from app.stocks.factors.report import factor_report
from app.stocks.indicators import calculate as indicators_of
from app.stocks.lake.market_lake import MarketLake, market_lake
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.own_factors import calculate_factors
from tests.conftest import ROOT
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars, pick
from tests.stocks.op_context import Bench
from tests.stocks.test_indicators import CHANGES, paths


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(registered)
    registered.clear()
    yield
    registered.clear()
    registered.update(before)


def reversal() -> Factor:
    @factor(name="reversal_5d", inputs=["close"], lookback=6)
    def reversal_5d(close: pd.Series) -> pd.Series:
        """Return of five traded days, turned round."""
        return -(close / close.shift(5) - 1)

    return registered["reversal_5d"]


def quiet_volume() -> Factor:
    @factor(lookback=20)
    def quiet_volume(volume: pd.Series, atr14: pd.Series) -> pd.Series:
        return volume.rolling(20).std() / atr14

    return registered["quiet_volume"]


def size_rank() -> Factor:
    @factor(inputs=["rsi14"], kind="cross_section")
    def rsi_rank(rsi14: pd.Series) -> pd.Series:
        return rsi14.rank(pct=True)

    return registered["rsi_rank"]


def lake_with(host: MemoryHost, *frames: pd.DataFrame, factors: list[Factor] | None = None) -> MarketLake:
    lake = host.lake()
    for frame in frames:
        lake.stage("daily_bars", frame)
    indicators_of.calculate(lake)
    if factors is not None:
        calculate(lake, factors)
    return lake


def publish(host: MemoryHost, lake: MarketLake) -> str:
    """Name what was staged; views are another test's matter."""
    return host.name(lake.publication())[0]


def values(lake: MarketLake, symbol: str | None = None) -> pd.DataFrame:
    return lake.read("factors", symbols=None if symbol is None else [symbol]).to_pandas()


def full(folder: Path, factors: list[Factor], *frames: pd.DataFrame) -> list[str]:
    return paths(lake_with(MemoryHost(folder), *frames, factors=factors).files("factors"))


def test_a_column_of_ones_own_on_adjusted_prices_and_traded_days(tmp_path: Path) -> None:
    lake = lake_with(MemoryHost(tmp_path), bars(), factors=[reversal(), size_rank()])
    for symbol in ("600001.XSHG", "600002.XSHG", "600003.XSHG", "600004.XSHG"):
        raw = pick(bars(), symbol)
        traded = raw[~raw["is_suspended"]]
        close = (traded["close"] * traded["adj_factor"]).to_numpy()
        found = values(lake, symbol)
        assert found["trade_date"].tolist() == traded["trade_date"].tolist()
        expected = [None] * 5 + [-(close[n] / close[n - 5] - 1) for n in range(5, len(close))]
        np.testing.assert_allclose(found["reversal_5d"], np.array(expected, dtype=float), rtol=1e-12)
    day = lake.read("factors", start=DAYS[100], end=DAYS[100]).to_pandas()
    rsi = lake.read("indicators", start=DAYS[100], end=DAYS[100]).to_pandas()["rsi14"]
    assert sorted(day["rsi_rank"]) == pytest.approx([n / 6 for n in range(1, 7)])
    assert day["rsi_rank"].tolist() == rsi.rank(pct=True).tolist()


@pytest.mark.parametrize("what", CHANGES)
def test_an_incremental_run_equals_a_full_one_bit_for_bit(tmp_path: Path, what: str) -> None:
    factors = [reversal(), quiet_volume(), size_rank()]
    known = bars(days=DAYS[:-1]) if what == "a new day" else bars()
    host = MemoryHost(tmp_path / "incremental")
    publish(host, lake_with(host, known, factors=factors))
    second = lake_with(host, CHANGES[what], factors=factors)
    assert paths(second.files("factors")) == full(tmp_path / "full", factors, known, CHANGES[what])
    assert publish(host, second) == "published"
    third = host.lake()
    assert calculate(third, factors).factors == []
    assert publish(host, third) == "unchanged"


def test_a_day_that_is_no_longer_traded_has_no_factors(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path / "incremental")
    publish(host, lake_with(host, bars(), factors=[reversal()]))
    gone = pick(bars(), "600000.XSHG", DAYS[50]).assign(is_suspended=True, close=np.nan, high=np.nan, low=np.nan)
    later = lake_with(host, gone, factors=[reversal()])
    assert DAYS[50] not in values(later, "600000.XSHG")["trade_date"].tolist()
    assert paths(later.files("factors")) == full(tmp_path / "full", [reversal()], bars(), gone)


def test_blocks_of_any_size_give_the_same_bits(tmp_path: Path) -> None:
    factors, seen = [reversal(), quiet_volume(), size_rank()], []
    for rows in (1, 200, None):
        lake = lake_with(MemoryHost(tmp_path / str(rows)), bars())
        calculate(lake, factors, rows_per_block=rows)
        seen.append(paths(lake.files("factors")))
    assert seen[0] == seen[1] == seen[2]


def test_new_code_makes_its_own_column_anew_and_no_other(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    first = lake_with(host, bars(), factors=[reversal(), size_rank()])
    before, told = values(first), first.facts("factors")
    publish(host, first)
    registered.clear()
    kept = size_rank()

    @factor(name="reversal_5d", inputs=["close"], lookback=6)
    def changed(close: pd.Series) -> pd.Series:
        return close / close.shift(5) - 1

    second = host.lake()
    assert due.state(registered["reversal_5d"], told["factor:reversal_5d"], due.sources(second)) == "stale"
    assert calculate(second, registered.values()).factors == ["reversal_5d"]
    after = values(second)
    np.testing.assert_array_equal(after["reversal_5d"], -before["reversal_5d"])
    pd.testing.assert_series_equal(after["rsi_rank"], before["rsi_rank"])
    assert second.facts("factors")["factor:rsi_rank"] == told["factor:rsi_rank"]
    assert second.facts("factors")["factor:reversal_5d"]["version"] != told["factor:reversal_5d"]["version"]
    assert kept.version == told["factor:rsi_rank"]["version"], "the same source is the same version"


def test_a_factor_that_comes_later_stands_in_every_file_and_one_that_goes_stays(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    host.publish(lake_with(host, bars(), factors=[reversal()]))
    before = values(host.lake())
    registered.clear()

    @factor(lookback=100)
    def hundred(close: pd.Series) -> pd.Series:
        return close.rolling(100).mean()

    second = host.lake()
    calculate(second, registered.values())
    host.publish(second)
    by_pandas = pd.read_parquet(host.folder.parent / "current" / "factors")
    assert list(by_pandas.columns) == ["order_book_id", "trade_date", "hundred", "reversal_5d"]
    assert by_pandas["hundred"].notna().sum() == (150 - 99) * 4 + (140 - 99)
    pd.testing.assert_series_equal(values(host.lake())["reversal_5d"], before["reversal_5d"])
    with duckdb.connect(str(host.folder.parent / "market.duckdb"), read_only=True) as connection:
        (comment,) = connection.sql(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'factors' AND column_name = 'reversal_5d'"
        ).fetchall()[0]
        assert "Return of five traded days, turned round." in comment
        count = connection.sql("SELECT count(hundred), count(reversal_5d) FROM factors").fetchall()[0]
    assert count == (by_pandas["hundred"].count(), by_pandas["reversal_5d"].count())
    facts = due.told(host.lake().facts("factors"))
    assert due.state(registered.get("reversal_5d"), facts["reversal_5d"], {}) == "orphaned"


def test_new_code_that_gives_the_same_values_is_current_all_the_same(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    publish(host, lake_with(host, bars(), factors=[reversal()]))
    before = values(host.lake())

    @factor(name="reversal_5d", inputs=["close"], lookback=6)
    def other_words(close: pd.Series) -> pd.Series:
        """The same, said otherwise."""
        return 1 - close / close.shift(5)

    second = host.lake()
    assert calculate(second, registered.values()).factors == ["reversal_5d"]
    assert publish(host, second) == "published"
    third = host.lake()
    assert calculate(third, registered.values()).factors == []
    np.testing.assert_allclose(values(third)["reversal_5d"], before["reversal_5d"], rtol=1e-9, atol=1e-12)

    @factor(name="reversal_5d", inputs=["close"], lookback=6)
    def same_words(close: pd.Series) -> pd.Series:
        return 1 - close / close.shift(5)

    assert calculate(third, registered.values()).factors == ["reversal_5d"]
    assert len(third.staged()) == 1, "not one value changed, so one file tells of the new code"
    assert publish(host, third) == "published"
    assert calculate(host.lake(), registered.values()).factors == []
    pd.testing.assert_frame_equal(values(host.lake()), values(second))


WRONG: dict[str, tuple[Any, str]] = {
    "an exception": (lambda close: close / close.lost, "AttributeError"),
    "an array": (lambda close: close.to_numpy(), "returned a ndarray and not a pandas Series"),
    "fewer values": (lambda close: close.dropna().iloc[1:], "returned 139 values for 140 rows|returned 149 values for 150 rows"),
    "another index": (lambda close: close.reset_index(drop=True), "returned another index"),
    "text": (lambda close: close.astype(str), "returned values of type"),
    "truth": (lambda close: close > 10, "returned values of type bool"),
    "infinities": (lambda close: close / (close.diff() * 0), "is infinite on"),
    "tomorrow": (lambda close: close.shift(-1) / close - 1, "looks into the future: of 600000.XSHG its value of"),
    "the mean of all days": (lambda close: close - close.mean(), "looks into the future"),
    "chance": (lambda close: close * np.random.default_rng().random(len(close)), "gives other values each time"),
    "an older day": (lambda close: close / close.shift(10) - 1, "looks further back than its lookback of 5 traded days"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_factor_fails_by_name_and_changes_nothing(tmp_path: Path, what: str) -> None:
    function, sentence = WRONG[what]
    factor(name="mine", inputs=["close"], lookback=5)(function)
    lake = lake_with(MemoryHost(tmp_path), bars())
    with pytest.raises(FactorFailed, match=rf"^factor 'mine'.*({sentence})"):
        calculate(lake, registered.values())
    assert lake.read("factors").num_rows == 0
    assert lake.facts("factors")["factor:mine"]["made_from"] is None


def test_an_answer_cannot_change_what_other_factors_are_given(tmp_path: Path) -> None:
    @factor(lookback=1)
    def careless(close: pd.Series) -> pd.Series:
        close[:] = 1.0
        return close

    @factor(lookback=1)
    def same(close: pd.Series) -> pd.Series:
        return close

    lake = lake_with(MemoryHost(tmp_path), bars(symbols=1), factors=list(registered.values()))
    assert (values(lake)["careless"] == 1).all()
    assert values(lake)["same"].tolist() == pick(bars(), "600000.XSHG")["close"].tolist()


DECLARED: dict[str, tuple[dict[str, Any], str]] = {
    "a name that is a column": ({"name": "ma5"}, "exists already"),
    "no name": ({"name": "My Factor"}, "cannot be a factor's name"),
    "an unknown input": ({"inputs": ["clsoe"]}, "did you mean 'close'"),
    "two inputs for one": ({"inputs": ["close", "volume"]}, "does not take its 2 inputs"),
    "no inputs": ({"inputs": []}, "has no inputs"),
    "no lookback": ({"lookback": 0}, "at least 1"),
    "a section that looks back": ({"kind": "cross_section", "lookback": 20}, "has no lookback"),
    "another kind": ({"kind": "panel"}, "time_series or cross_section"),
}


@pytest.mark.parametrize("what", DECLARED)
def test_what_cannot_be_declared_says_why(what: str) -> None:
    options, sentence = DECLARED[what]
    with pytest.raises(TypeError, match=sentence):
        factor(**{"name": "mine", **options})(lambda close: close)


_SCALE = 2.0


def scaled(close: pd.Series) -> pd.Series:
    return close * _SCALE


def test_a_version_follows_the_functions_and_numbers_that_a_factor_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> str:
        @factor(lookback=1)
        def mine(close: pd.Series) -> pd.Series:
            return scaled(close)

        return registered["mine"].version

    first = made()
    assert made() == first
    monkeypatch.setitem(globals(), "_SCALE", 3.0)
    assert made() != first


def reported(lake: MarketLake, **asked: Any) -> dict[str, dict[str, Any]]:
    context = SimpleNamespace(lake=lake, sessions=lambda: DAYS)
    return {one["factor"]: one for one in factor_report(context, **asked)}


def spearman(left: pd.Series, right: pd.Series) -> float:
    both = pd.DataFrame({"left": left, "right": right}).dropna().rank()
    return float(both["left"].corr(both["right"])) if len(both) > 2 else np.nan


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_report_equals_an_independent_calculation(tmp_path: Path, horizon: int) -> None:
    raw = bars(symbols=12)
    lake = lake_with(MemoryHost(tmp_path), raw, factors=[reversal()])
    found = reported(lake, sessions=40, horizon=horizon)["reversal_5d"]
    days = DAYS[-40:]
    factor_of = values(lake).pivot(index="trade_date", columns="order_book_id", values="reversal_5d").loc[days]
    close = raw.assign(close=raw["close"] * raw["adj_factor"]).pivot(index="trade_date", columns="order_book_id", values="close")
    after = (close.shift(-horizon) / close - 1).loc[days]
    after.iloc[-horizon:] = np.nan  # what comes after the newest day nobody knows
    coefficients = pd.Series([spearman(factor_of.loc[day], after.loc[day]) for day in days]).dropna()
    assert found["ic_dates"] == len(coefficients) == 40 - horizon
    assert found["ic"] == pytest.approx(coefficients.mean())
    assert found["ic_ratio"] == pytest.approx(coefficients.mean() / coefficients.std())
    again = [spearman(factor_of.loc[day], factor_of.loc[before]) for before, day in pairwise(days)]
    assert found["rank_autocorrelation"] == pytest.approx(np.mean(again))
    best = [set(factor_of.loc[day].nlargest(3).index) for day in days]  # the top fifth of twelve
    assert found["turnover"] == pytest.approx(np.mean([len(now - before) / len(now) for before, now in pairwise(best)]))
    assert (found["coverage"], found["newest_date"]) == (1.0, DAYS[-1].isoformat())
    assert (found["first_date"], found["last_date"]) == (days[0].isoformat(), days[-1].isoformat())


def test_the_report_says_how_each_column_stands_to_its_code_and_its_data(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    known = bars(days=DAYS[:-1])
    assert reported(host.lake()) == {}
    publish(host, lake_with(host, known, factors=[reversal(), quiet_volume(), size_rank()]))
    later = host.lake()
    later.stage("daily_bars", CHANGES["a new day"])
    assert {name: one["state"] for name, one in reported(later).items()} == {
        "quiet_volume": "behind", "reversal_5d": "behind", "rsi_rank": "behind",
    }  # fmt: skip
    del registered["quiet_volume"], registered["rsi_rank"]

    @factor(inputs=["rsi14"], kind="cross_section")
    def rsi_rank(rsi14: pd.Series) -> pd.Series:
        return rsi14.rank()

    @factor
    def fresh(close: pd.Series) -> pd.Series:
        return close.ewm(span=5).mean()

    told = reported(host.lake())
    assert {name: one["state"] for name, one in told.items()} == {
        "fresh": "new", "quiet_volume": "orphaned", "reversal_5d": "current", "rsi_rank": "stale",
    }  # fmt: skip
    assert told["rsi_rank"]["version"] != told["rsi_rank"]["calculated_version"]
    assert (told["fresh"]["ic"], told["fresh"]["calculated_version"]) == (None, None)
    assert told["quiet_volume"]["version"] is None
    assert told["quiet_volume"]["ic"] is not None, "what is orphaned can still be judged"


def test_scores_weigh_a_factor_of_ones_own_and_bring_it_up_to_date(bench: Callable[..., Bench]) -> None:
    there, mine = bench(), reversal()
    weights = {mine.name: 2.0, "rsi14": -1.0, "momentum_20d": 1.0}
    context = there.run()
    indicators = calculate_indicators(context, context.lake.stage("daily_bars", bars(symbols=12)))
    calculate_scores(context, indicators, weights=weights)
    there.publish(context)
    scores = there.run().lake.read("scores").to_pandas().dropna(subset="total")
    own = [f"contrib_{name}" for name in weights]
    np.testing.assert_allclose(scores[own].sum(axis=1), scores["total"])
    assert scores[own[0]].abs().max() > 0.1
    factors = there.run().lake.read("factors").to_pandas().merge(scores, on=["order_book_id", "trade_date"])
    day = factors[factors["trade_date"] == DAYS[-1]]
    assert day["reversal_5d"].rank().tolist() == day[own[0]].rank().tolist()

    restated = there.run()
    changed = restated.lake.stage("daily_bars", pick(bars(), "600000.XSHG", DAYS[-2]).assign(close=99.0, high=99.0))
    calculate_scores(restated, calculate_indicators(restated, changed), weights=weights)
    assert {file["dataset"] for file in restated.lake.staged()} >= {"factors", "scores"}

    back = there.run()
    calculate_scores(back, market_lake(back).reference("indicators"))
    assert own[0] not in back.lake.read("scores").column_names
    with pytest.raises(ValueError, match="there is no factor 'reversal'; did you mean 'reversal_5d'"):
        calculate_scores(back, market_lake(back).reference("indicators"), weights={"reversal": 1.0})


def test_the_op_names_what_it_does_not_know(bench: Callable[..., Bench]) -> None:
    there, mine = bench(), reversal()
    context = there.run()
    indicators = calculate_indicators(context, context.lake.stage("daily_bars", bars()))
    with pytest.raises(Invalid) as refused:
        calculate_factors(context, indicators, factors=[mine.name, "reversal"])
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.message[:44]) == ("/factors/1", "is no factor; did you mean 'reversal_5d'? (r")
    assert calculate_factors(context, indicators).rows == len(market_lake(context).read("indicators"))
    assert context.metrics["factors"] == "reversal_5d"


EXAMPLE = ROOT / "examples" / "liquid_stocks" / "liquid_stocks" / "factors.py"


def test_the_page_shows_the_factors_of_the_example_which_are_some(tmp_path: Path) -> None:
    page, text = (ROOT / "docs" / "factors.md").read_text(), EXAMPLE.read_text()
    for shown in re.findall(r"((?:^    @factor.*\n)(?:^    .*\n)+)", page, re.MULTILINE):
        assert dedent(shown).strip() in text
    spec = importlib.util.spec_from_file_location("liquid_factors", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    raw = bars(symbols=12)
    lake = lake_with(MemoryHost(tmp_path), raw.assign(total_turnover=raw["volume"] * raw["close"]))
    assert calculate(lake, registered.values()).factors == ["reversal_5d", "illiquidity_20d", "calm_value"]
    found = values(lake, "600000.XSHG")
    assert found["illiquidity_20d"].notna().sum() == len(DAYS) - 19
    assert found["calm_value"].isna().all(), "there are no fundamentals here"
