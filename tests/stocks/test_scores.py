"""Scores: the arithmetic against plain definitions, who takes part, which dates have scores, and what is scored again."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.stocks.dictionary.scores import BUILT_IN
from app.stocks.indicators.calculate import calculate as calculate_indicators
from app.stocks.lake.market_lake import MarketLake
from app.stocks.scoring import weights
from app.stocks.scoring.calculate import calculate
from app.stocks.scoring.cross_section import percentile, scores, winsorise, zscore
from app.stocks.scoring.universe import LONG_AGO, NEVER, Universe, as_days
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars, pick, sse50


@pytest.fixture(autouse=True)
def several_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are built as large ones are."""
    monkeypatch.setattr("app.stocks.lake.parquet.ROWS_PER_GROUP", 32)


SESSIONS = [DAYS[0] - timedelta(days=n) for n in range(200, 0, -1)] + DAYS

matrices = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(0, 12)),
    elements=st.one_of(st.just(np.nan), st.floats(-1e6, 1e6).map(lambda value: round(value, 3))),
)


@given(matrices)
@settings(max_examples=80, deadline=None)
def test_each_part_is_what_numpy_and_pandas_say_row_by_row(values: Any) -> None:
    clipped, standard, (score, rank) = winsorise(values), zscore(values), percentile(values)
    for row in range(len(values)):
        here = ~np.isnan(values[row])
        known = values[row][here]
        for result in (clipped, standard, score):
            assert np.isnan(result[row][~here]).all()
        assert (rank[row][~here] == 0).all()
        if not len(known):
            continue
        np.testing.assert_allclose(clipped[row][here], np.clip(known, *np.quantile(known, [0.01, 0.99])), rtol=1e-12, atol=1e-9)
        deviation = known.std()
        expected = (known - known.mean()) / deviation if deviation > 1e-9 * abs(known.mean()) + 1e-12 else known * 0
        np.testing.assert_allclose(standard[row][here], expected, atol=1e-6)
        ranks = pd.Series(known).rank(method="average")
        np.testing.assert_allclose(score[row][here], 100 * (ranks - 1) / (len(known) - 1) if len(known) > 1 else [50.0])
        assert rank[row][here].tolist() == pd.Series(known).rank(method="min", ascending=False).astype(int).tolist()


factor_sets = st.integers(1, 10).flatmap(
    lambda width: st.tuples(
        *[
            arrays.arrays(np.float64, (2, width), elements=st.one_of(st.just(np.nan), st.integers(-50, 50).map(float)))
            for _ in range(4)
        ]
    )
)


@given(factor_sets, st.integers(1, 4), st.permutations(range(10)))
@settings(max_examples=80, deadline=None)
def test_scores_hold_what_they_promise(values: Any, min_factors: int, order: list[int]) -> None:
    names = BUILT_IN[:4]
    weighing = dict(zip(names, (1.0, -2.0, 0.5, 1.0), strict=True))
    found = scores(dict(zip(names, values, strict=True)), weighing, min_factors)
    present = np.stack([~np.isnan(value) for value in values])
    assert (found.factors == present.sum(axis=0)).all()
    scored = ~np.isnan(found.total)
    assert (scored == (found.factors >= min_factors)).all()
    assert (scored == ~np.isnan(found.score)).all()
    assert (found.score[scored] >= 0).all()
    assert (found.score[scored] <= 100).all()
    parts = np.nansum(np.stack(list(found.contributions.values())), axis=0)
    np.testing.assert_allclose(parts[scored], found.total[scored], atol=1e-12)
    for row in range(2):
        totals, marks = found.total[row][scored[row]], found.score[row][scored[row]]
        assert (np.argsort(totals, kind="stable") == np.argsort(marks, kind="stable")).all()
        assert len(set(zip(totals, marks, strict=True))) == len(set(totals.tolist()))
    # Who stands in which column makes no difference.
    columns = [column for column in order if column < values[0].shape[1]]
    moved = scores({name: value[:, columns] for name, value in zip(names, values, strict=True)}, weighing, min_factors)
    np.testing.assert_allclose(moved.total, found.total[:, columns], atol=1e-9)


def test_missing_factors_are_renormalised_and_a_weight_has_a_direction() -> None:
    one, other = np.array([[1.0, 2.0, 3.0]]), np.array([[np.nan, 2.0, 4.0]])
    found = scores({"a": one, "b": other}, {"a": 1.0, "b": -3.0}, 1)
    z = 1.224744871391589 * 0.98 / 0.98
    np.testing.assert_allclose(found.total[0], [-z, (0 - 3 * -1) / 4, (z - 3 * 1) / 4], rtol=1e-9)
    assert found.rank[0].tolist() == [3, 1, 2]


def test_equal_totals_share_their_mean() -> None:
    score, rank = percentile(np.array([[1.0, 3.0, 3.0, np.nan, 7.0]]))
    assert score[0, [0, 1, 2, 4]].tolist() == [0, 50, 50, 100]
    assert rank[0].tolist() == [4, 2, 2, 0, 1]


@pytest.mark.parametrize(
    ("given_weights", "min_factors", "message"),
    [
        ({"momentum": 1.0}, 1, "no factor 'momentum'; did you mean 'momentum_20d'"),
        ({"rsi14": float("nan")}, 1, "not a number"),
        ({"rsi14": 1.0, "book_yield": 0.0}, 2, "1 factors have a weight, but a score needs min_factors = 2"),
        ({}, 0, "0 factors have a weight"),
    ],
)
def test_weights_that_cannot_be_are_refused(given_weights: Any, min_factors: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weights.check(given_weights, min_factors)


def test_eligible_after_sessions_since_listing() -> None:
    sessions = as_days(SESSIONS)
    listed = np.array([LONG_AGO, sessions[0] - 5, sessions[10], sessions[10] + 1, sessions[-1]], dtype=np.int32)
    found = Universe(min_sessions=60).eligible_from(listed, sessions)
    assert found.tolist() == [LONG_AGO, LONG_AGO, sessions[69], sessions[70], NEVER]
    assert Universe(min_sessions=0).eligible_from(listed, sessions)[2] == sessions[10]


def scored(lake: MarketLake, **options: Any) -> pd.DataFrame:
    calculate(lake, options.pop("sessions", SESSIONS), **options)
    table: pd.DataFrame = lake.read("scores").to_pandas()
    return table


@pytest.fixture
def lake(tmp_path: Path) -> MarketLake:
    made = MemoryHost(tmp_path).lake()
    made.stage("daily_bars", bars(symbols=12))
    calculate_indicators(made)
    return made


def test_scores_agree_with_a_plain_calculation_of_one_date(lake: MarketLake) -> None:
    found = scored(lake)
    day = DAYS[120]
    rows = lake.read("indicators", start=day, end=day).to_pandas().set_index("order_book_id")
    raw = pick(bars(symbols=12), day=day).set_index("order_book_id")
    rows["macd_hist_ratio"] = rows["macd_hist"] / (raw["close"] * raw["adj_factor"])
    rows["turnover_rate"] = raw["turnover_rate"]
    total, weight = pd.Series(0.0, rows.index), pd.Series(0.0, rows.index)
    for name, factor in weights.DEFAULT.items():
        values = rows[name].clip(rows[name].quantile(0.01), rows[name].quantile(0.99))
        z = (values - values.mean()) / values.std(ddof=0)
        total += (z * factor).fillna(0)
        weight += z.notna() * abs(factor)
    ours = pick(found, day=day).set_index("order_book_id")
    np.testing.assert_allclose(ours["total"], (total / weight)[ours.index], rtol=1e-9)
    np.testing.assert_allclose(ours["score"], ((total / weight).rank() - 1)[ours.index] * 100 / (len(ours) - 1))
    assert ours["usable_from"].tolist() == [DAYS[121]] * len(ours)
    # The one without a factor lacks macd_hist_ratio: its adjusted close is unknown.
    assert ours["factors"].to_dict() == {symbol: 5 if symbol == "600005.XSHG" else 6 for symbol in ours.index}


def test_scores_begin_when_half_of_the_universe_has_min_factors(lake: MarketLake) -> None:
    found = scored(lake)
    rows = lake.read("indicators").to_pandas().merge(bars(symbols=12), on=["order_book_id", "trade_date"])
    # macd_hist_ratio exists where its indicator and the factor do.
    rows["macd_hist_ratio"] = rows["macd_hist"] / rows["adj_factor"]
    enough = rows[list(weights.DEFAULT)].notna().sum(axis=1) >= 3
    share = enough.groupby(rows["trade_date"]).mean()
    assert sorted(set(found["trade_date"])) == sorted(share.index[share >= 0.5])
    first = min(found["trade_date"])
    assert first > DAYS[10]
    assert pd.isna(pick(found, "600004.XSHG", DAYS[71])["score"]).all(), "in the universe, but without enough factors yet"
    assert len(pick(found, "600004.XSHG", DAYS[71])) == 1


@pytest.mark.parametrize(("with_factors", "is_scored"), [(1, False), (2, True)])
def test_exactly_half_is_enough(tmp_path: Path, with_factors: int, is_scored: bool) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", pick(bars(symbols=4), day=DAYS[0]))
    ids = [f"{600000 + n}.XSHG" for n in range(with_factors)]
    lake.stage("indicators", pd.DataFrame({"order_book_id": ids, "trade_date": DAYS[0], "rsi14": 50.0, "momentum_20d": 0.1}))
    assert len(pick(bars(symbols=5), day=DAYS[0])) == 4
    assert len(scored(lake)) == (4 if is_scored else 0)


def test_who_does_not_take_part(lake: MarketLake) -> None:
    everyone = set(scored(lake)["order_book_id"])
    assert everyone == {f"{600000 + n}.XSHG" for n in range(12)}
    frame = bars(symbols=12)
    index = pick(frame, "600006.XSHG").assign(order_book_id="000300.XSHG")
    st_day = pick(frame, "600007.XSHG", DAYS[100]).assign(is_st=True)
    for rows in (index, st_day):
        lake.stage("daily_bars", rows)
    lake.stage(
        "instruments",
        pd.DataFrame(
            {
                "order_book_id": ["600008.XSHG", "600009.XSHG"],
                "valid_from": [date(1900, 1, 1)] * 2,
                "listed_date": [DAYS[60], None],
                "source": "test",
            }
        ),
    )
    calculate_indicators(lake)
    found = scored(lake)
    assert "000300.XSHG" not in set(found["order_book_id"])
    assert pick(found, "600007.XSHG", DAYS[100]).empty
    assert not pick(found, "600007.XSHG", DAYS[101]).empty
    assert pick(found, "600008.XSHG")["trade_date"].min() == DAYS[119], (
        "the 60th session counts, that of the listing is the first"
    )
    assert set(pick(found, "600009.XSHG")["trade_date"]) == set(found["trade_date"]), "an unknown listing is long ago"
    assert set(pick(found, "600003.XSHG")["trade_date"]).isdisjoint(DAYS[40:50]), "suspended"
    with_st = scored(lake, universe=Universe(exclude_st=False, min_sessions=0))
    assert not pick(with_st, "600007.XSHG", DAYS[100]).empty


def test_the_last_known_session_has_no_next_one(lake: MarketLake) -> None:
    found = scored(lake)
    assert pick(found, day=DAYS[-1])["usable_from"].isna().all()
    found = scored(lake, sessions=[*SESSIONS, DAYS[-1] + timedelta(days=3)])
    assert set(pick(found, day=DAYS[-1])["usable_from"]) == {DAYS[-1] + timedelta(days=3)}


def staged(lake: MarketLake) -> list[str]:
    return [file["partition"] for file in lake.staged() if file["dataset"] == "scores"]


def test_only_months_whose_input_changed_are_scored_again_and_equal_a_full_run(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path / "incremental")
    first = host.lake()
    first.stage("daily_bars", bars(symbols=12, days=DAYS[:-1]))
    calculate_indicators(first)
    calculate(first, SESSIONS)
    host.publish(first)
    again = host.lake()
    assert calculate(again, SESSIONS).months == 0
    assert host.publish(again) == "unchanged"
    day = bars(symbols=12, days=DAYS[-1:], seed=5)
    later = host.lake()
    later.stage("daily_bars", day)
    calculate_indicators(later)
    assert calculate(later, SESSIONS).months == 1
    assert staged(later) == [f"{DAYS[-1]:%Y-%m}"]
    full = MemoryHost(tmp_path / "full").lake()
    full.stage("daily_bars", bars(symbols=12, days=DAYS[:-1]))
    full.stage("daily_bars", day)
    calculate_indicators(full)
    calculate(full, SESSIONS)
    assert [file["path"] for file in later.files("scores")] == [file["path"] for file in full.files("scores")]


def test_a_new_listing_leaves_older_months_alone_and_other_rules_do_not(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    lake = host.lake()
    lake.stage("daily_bars", bars(symbols=12))
    calculate_indicators(lake)
    calculate(lake, SESSIONS)
    lake.stage("instruments", pd.DataFrame({"order_book_id": ["600006.XSHG"], "valid_from": [date(1900, 1, 1)],
                                            "listed_date": [DAYS[-30]], "source": ["test"]}))  # fmt: skip
    months = len({f"{day:%Y-%m}" for day in DAYS[-30:]})
    assert calculate(lake, SESSIONS).months == months
    assert calculate(lake, SESSIONS, min_factors=4).months == 7
    assert calculate(lake, SESSIONS, min_factors=4, universe=Universe(exclude_st=False)).months == 7
    weighing = {"rsi14": 1, "momentum_20d": 1, "turnover_rate": 1, "volume_ratio_5d": 1}
    assert calculate(lake, SESSIONS, min_factors=4, universe=Universe(exclude_st=False), weights=weighing).months == 7


def test_a_range_of_dates_changes_no_other_and_leaves_the_rest_due(lake: MarketLake) -> None:
    before = scored(lake)
    narrowed = scored(lake, weights={"rsi14": 1, "momentum_20d": 1, "turnover_rate": 1}, start=DAYS[100], end=DAYS[104])
    changed = before.merge(narrowed, on=["order_book_id", "trade_date"], suffixes=("", "_new"))
    assert len(changed) == len(before)
    different = changed[changed["total"].ne(changed["total_new"]) & changed["total"].notna()]
    assert set(different["trade_date"]) == set(DAYS[100:105])
    assert scored(lake).equals(before), "the months of the range are due again, by the rules of the whole"


def test_unadjusted_goes_along(lake: MarketLake) -> None:
    lake.note("daily_bars", adjusted=False, quality=0.8)
    calculate_indicators(lake)
    calculate(lake, SESSIONS)
    assert lake.facts("scores")["adjusted"] is False
    assert lake.reference("scores").quality == 0.8


@pytest.mark.data
def test_real_bars_are_scored_from_the_date_on_which_half_can_be(market_data: Path, tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    raw = sse50(market_data)
    lake.stage("daily_bars", raw)
    calculate_indicators(lake)
    found = scored(lake, sessions=sorted(set(raw["trade_date"])))
    dates = sorted(set(raw["trade_date"]))
    # rsi14 needs 15 bars, momentum_20d and volatility_20d 21, volume_ratio_5d 6: three exist from the 21st bar on.
    assert sorted(set(found["trade_date"])) == dates[20:]
    assert found["score"].notna().all()
    assert found.groupby("trade_date")["score"].max().eq(100).all()
