"""What stands beside prices: instruments by period, corporate actions, changed codes and the calendar, from either source."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from app.stocks import code_changes, dictionary
from app.stocks.ids import canonical
from app.stocks.ops.load import load_market_data
from app.stocks.sources.answers import Data
from app.stocks.sources.simulated import Dirt, Simulated
from tests.stocks.bar_files import row, write
from tests.stocks.conftest import AFTER_CLOSE
from tests.stocks.op_context import Bench
from tests.stocks.runs import bars, go, kept_out

MakeBench = Callable[..., Bench]
FIRST, LAST = date(2024, 1, 2), date(2026, 11, 23)


def read(there: Bench, dataset: str) -> list[dict[str, Any]]:
    return there.run().lake.read(dataset).to_pylist()


def frame(answer: Any) -> pd.DataFrame:
    assert isinstance(answer, Data)
    return answer.table.to_pandas()


@pytest.fixture(scope="module")
def market(sessions: list[date]) -> Simulated:
    return Simulated(sessions, AFTER_CLOSE, symbols=120, dirt=Dirt.none())


def test_the_simulated_periods_are_those_of_the_bars(market: Simulated) -> None:
    periods = frame(market.instruments()).sort_values(["order_book_id", "valid_from"])
    told = frame(market.daily_bars(None, FIRST, LAST))[["order_book_id", "trade_date", "is_st"]]
    both = told.merge(periods, on="order_book_id", suffixes=("", "_told"))
    both = both[(both.valid_from <= both.trade_date) & (both.valid_to.isna() | (both.trade_date <= both.valid_to))]
    assert len(both) == len(told), "every row lies in one period"
    assert (both.is_st == both.is_st_told).all()
    assert (both.name.str.startswith("*ST") == both.is_st).all()
    assert both.is_st.any()
    follows = periods.groupby("order_book_id").valid_from.shift(-1)
    ends = pd.to_datetime(follows.dropna()) - pd.Timedelta(days=1)
    assert (pd.to_datetime(periods.valid_to[ends.index]) == ends).all()
    assert periods.valid_to[follows.isna()].isna().all()
    assert (periods.valid_from <= LAST).where(periods.listed_date <= LAST, True).all(), "no period is told ahead"


def test_the_simulated_actions_make_the_factors(market: Simulated) -> None:
    actions = frame(market.corporate_actions(None, FIRST, LAST)).set_index(["order_book_id", "ex_date"])
    rows = frame(market.daily_bars(None, FIRST, LAST)).sort_values(["order_book_id", "trade_date"])
    last = rows.groupby("order_book_id")[["close", "adj_factor", "split_factor"]].shift()
    ratio, split = rows.adj_factor / last.adj_factor, rows.split_factor / last.split_factor
    keys = pd.MultiIndex.from_frame(rows[["order_book_id", "trade_date"]])
    went_ex = (ratio.to_numpy() - 1 > 1e-9) & last.close.notna().to_numpy()
    assert went_ex.sum() > 100
    assert set(keys[went_ex]) <= set(actions.index)
    own = actions.loc[keys[went_ex]]
    close = last.close.to_numpy()[went_ex]
    made = close / ((close - own.cash_dividend.to_numpy()) / own.split_ratio.to_numpy())
    assert np.abs(made / ratio.to_numpy()[went_ex] - 1).max() < 2e-5  # cash is told to a hundredth of a fen
    assert np.allclose(own.split_ratio, split.to_numpy()[went_ex], atol=1e-6)
    assert (own.split_ratio > 1).any()
    # What is asked for day by day is what is asked for at once.
    day = actions.index[0][1]
    assert frame(market.corporate_actions(None, day, day)).equals(
        actions.reset_index().query("ex_date == @day").reset_index(drop=True)
    )


def test_a_run_fills_what_the_source_offers_and_says_what_it_does_not(bench: MakeBench) -> None:
    there = bench(simulated_symbols=60, simulated_years=1)
    assert go(there)[1] == "published"
    known = {one["order_book_id"] for one in read(there, "instruments")}
    assert {one["industry"] for one in read(there, "instruments")} > {"banks", "food"}
    actions = read(there, "corporate_actions")
    assert len(actions) > 20
    assert {one["order_book_id"] for one in actions} <= known
    offered = ["corporate_actions", "daily_bars", "fundamentals", "instruments", "intraday_bars"]
    assert there.run().lake.facts("daily_bars")["offered"] == offered
    days = read(there, "trading_calendar")
    assert {one["calendar"] for one in days} == {"XSHG", "XSHE", "BJSE"}
    assert sum(one["calendar"] == "XSHG" for one in days) == len(there.known)
    assert min(one["trade_date"] for one in days if one["calendar"] == "BJSE") == date(2021, 11, 15)
    assert go(there)[1] == "unchanged"


def test_a_day_that_is_taken_out_of_the_calendar_is_gone(bench: MakeBench) -> None:
    there = bench(simulated_symbols=5, simulated_years=0.3)
    go(there)
    there.known = [day for day in there.known if day != date(2026, 12, 31)]
    assert go(there)[1] == "published"
    assert max(one["trade_date"] for one in read(there, "trading_calendar")) == date(2026, 12, 30)


def test_the_shipped_codes_are_one_to_one() -> None:
    known = code_changes.rows().cast(dictionary.get("code_changes").arrow).to_pylist()
    assert len({one["old_id"] for one in known}) == len({one["order_book_id"] for one in known}) == len(known) == 250
    assert sum(one["order_book_id"].endswith(".BJSE") for one in known) == 248
    assert canonical("000022.SZ") == "001872.XSHE"
    assert code_changes.successors(pa.table({"old_id": ["a", "b"], "order_book_id": ["b", "c"]})) == {"a": "c", "b": "c"}


def test_rows_of_both_codes_are_one_instrument(bench: MakeBench, tmp_path: Path) -> None:
    days = ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]
    rows = [row(day, one) for day, one in zip(days, ["830799.BJ", "830799.BJ", "830799.BJ", "920799.BJ"], strict=True)]
    path = write(tmp_path / "bars.csv", [*rows, row(days[2], "920799.BJ"), *(row(day) for day in days)])
    there = bench(source="files", files_path=str(path))
    go(there, symbols=[canonical("830799") or ""])
    assert kept_out(there) == 1, "both codes of one day are one row twice"
    assert bars(there).column("order_book_id").to_pylist() == ["920799.BJSE"] * 4
    assert read(there, "code_changes") == [
        {"old_id": "830799.BJSE", "order_book_id": "920799.BJSE", "from_date": date(2025, 10, 9), "source": "exchange"}
    ]


def test_rows_that_stood_under_the_old_code_are_carried_over(bench: MakeBench, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    days = ["2026-11-17", "2026-11-18", "2026-11-19"]
    write(folder / "bars.csv", [row(day, one) for day in days for one in ("600001.XSHG", "600002.XSHG")])
    there = bench(source="files", files_path=str(folder))
    go(there)
    # From the twentieth on the second one has a new code, and the vendor's file holds the new days alone.
    write(folder / "bars.csv", [row("2026-11-20", one) for one in ("600001.XSHG", "605002.XSHG")])
    write(folder / "codes.csv", [{"old_code": "600002.SH", "new_code": "605002.SH", "from_date": "2026-11-20"}])
    assert go(there, symbols=["600002.XSHG", "600001.XSHG"])[1] == "published"
    assert "code_changes" in there.run().lake.facts("daily_bars")["offered"]
    assert [one["order_book_id"] for one in read(there, "instruments")] == ["600001.XSHG", "605002.XSHG"]
    rows = bars(there)
    assert rows.column("order_book_id").to_pylist() == ["600001.XSHG"] * 4 + ["605002.XSHG"] * 4
    assert go(there)[1] == "unchanged"


def test_a_folder_may_hold_instruments_and_dividends_beside_bars(bench: MakeBench, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    days = ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]
    names = ["大北", "大北", "*ST大北", "*ST大北"]
    write(
        folder / "bars.csv",
        [row(day, "600001.SH", name=name) for day, name in zip(days, names, strict=True)]
        + [row(day, "688002.SH") for day in days[2:]],
    )
    basic = [
        {"ts_code": "600001.SH", "name": "*ST大北", "industry": "饲料", "list_date": 20010105, "delist_date": None},
        {"ts_code": "688002.SH", "name": "小南", "industry": None, "list_date": 20261119, "delist_date": None},
        {"ts_code": "600009.SH", "name": "无行情", "industry": None, "list_date": 20010105, "delist_date": None},
    ]
    write(folder / "basic.csv", basic)
    dividend = {"ts_code": "600001.SH", "ex_date": "20261119", "cash_div_tax": 0.5, "stk_div": 0.3}
    write(folder / "dividend.csv", [dividend, dividend | {"ex_date": None}])
    there = bench(source="files", files_path=str(folder))
    go(there)
    found = [
        (
            one["order_book_id"],
            one["valid_from"],
            one["valid_to"],
            one["name"],
            one["listed_date"],
            one["industry"],
            one["round_lot"],
        )
        for one in read(there, "instruments")
    ]
    listed = date(2001, 1, 5)
    assert found == [
        ("600001.XSHG", date(1900, 1, 1), date(2026, 11, 18), "大北", listed, "饲料", 100),
        ("600001.XSHG", date(2026, 11, 19), None, "*ST大北", listed, "饲料", 100),
        ("688002.XSHG", date(1900, 1, 1), None, "小南", date(2026, 11, 19), None, 200),
    ]
    (action,) = read(there, "corporate_actions")
    assert (action["ex_date"], action["cash_dividend"], action["split_ratio"]) == (date(2026, 11, 19), 0.5, 1.3)
    assert there.run().lake.facts("daily_bars")["coverage"] == 1.0, "before its listing nothing is missing"
    context = there.run()
    assert load_market_data(context, refetch=True).rows == 6
    assert there.publish(context) == "unchanged"


def test_periods_of_a_file_that_is_cut_are_not_mixed_with_older_ones(bench: MakeBench, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    days = ["2026-11-17", "2026-11-18", "2026-11-19"]
    write(path, [row(day, name=name) for day, name in zip(days, ("A", "B", "B"), strict=True)])
    there = bench(source="files", files_path=str(path))
    go(there)
    assert len(read(there, "instruments")) == 2
    write(path, [row("2026-11-20", name="B")])
    go(there)
    (period,) = read(there, "instruments")
    assert (period["valid_from"], period["valid_to"], period["name"]) == (date(1900, 1, 1), None, "B")
