"""The real files through the source `files` and a whole run, against a computation by pandas alone that knows nothing of ours."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.sources.answers import Data
from app.stocks.sources.files import Files
from tests.stocks.op_context import Bench

pytestmark = pytest.mark.data
MakeBench = Callable[..., Bench]
SSE50, TUSHARE, OLD = "sse50_2025_daily.parquet", "raw/tushare_daily_sse50.csv", "daily_2005_2018_ohlcv.parquet"
PRICES = ["open", "high", "low", "close", "prev_close"]
LOOKBACK = 5_000
RESTS = {
    "601088.XSHG": ("2025-08-04", "2025-08-15"),
    "688041.XSHG": ("2025-05-26", "2025-06-09"),
    "600150.XSHG": ("2025-08-13", "2025-08-18"),
}
"""Of the data's own README."""


def canonical(market_data: Path) -> pd.DataFrame:
    raw = pd.read_parquet(market_data / SSE50).rename(columns={"date": "trade_date", "pre_close": "prev_close"})
    return raw.drop(columns="pct_chg").assign(trade_date=pd.to_datetime(raw.trade_date))


def tushare(market_data: Path) -> pd.DataFrame:
    raw = pd.read_csv(market_data / TUSHARE, dtype={"trade_date": str})
    frame = pd.DataFrame(
        {
            "order_book_id": raw.ts_code.str.replace(".SH", ".XSHG").str.replace(".SZ", ".XSHE"),
            "trade_date": pd.to_datetime(raw.trade_date, format="%Y%m%d"),
            "open": raw.open, "high": raw.high, "low": raw.low, "close": raw.close, "prev_close": raw.pre_close,
            "volume": (raw.vol * 100).round().astype("int64"),
            "total_turnover": (raw.amount * 1000).round(3),
        }
    )  # fmt: skip
    frame = frame.sort_values(["order_book_id", "trade_date"])
    # Over a rest of these shares there is no ex-date: 1 between any two rows that follow each other, but for real cuts.
    ratio = (frame.groupby("order_book_id").close.shift() / frame.prev_close).fillna(1.0)
    return frame.assign(adj_factor=ratio.groupby(frame.order_book_id).cumprod())


def old(market_data: Path) -> pd.DataFrame:
    raw = pd.read_parquet(market_data / OLD).rename(columns={"date": "trade_date", "pre_close": "prev_close"})
    frame = raw.assign(trade_date=pd.to_datetime(raw.trade_date), adj_factor=np.nan, total_turnover=np.nan)
    rests = frame.volume == 0
    for name in PRICES:
        frame[name] = frame[name].where(~rests) if name in frame else np.nan
    return frame.assign(is_suspended=rests)


def sessions_of(market_data: Path) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.read_csv(market_data / "trading_calendar_xshg_1990_2026.csv", parse_dates=["date"]).date)


def with_rests(frame: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """The frame with a row for every session between an instrument's first and last: what lacks one rested."""
    pieces = []
    for one, own in frame.groupby("order_book_id"):
        days = sessions[(sessions >= own.trade_date.min()) & (sessions <= own.trade_date.max())]
        whole = own.set_index("trade_date").reindex(days).rename_axis("trade_date").reset_index()
        rests = whole.order_book_id.isna()
        whole = whole.assign(order_book_id=one, is_suspended=rests, adj_factor=whole.adj_factor.ffill())
        whole.loc[rests, ["volume", "total_turnover"]] = 0
        pieces.append(whole)
    return pd.concat(pieces, ignore_index=True)


def run(bench: MakeBench, path: Path) -> tuple[Bench, pd.DataFrame]:
    there = bench(source="files", files_path=str(path))
    context = there.run()
    complete_data(context, load_market_data(context), lookback_sessions=LOOKBACK)
    assert there.publish(context) == "published"
    return there, there.run().lake.read("daily_bars").to_pandas()


def equal(found: pd.DataFrame, expected: pd.DataFrame, *, factors: float) -> None:
    expected = expected.sort_values(["order_book_id", "trade_date"]).reset_index(drop=True)
    assert len(found) == len(expected)
    assert (found.order_book_id == expected.order_book_id).all()
    assert (pd.to_datetime(found.trade_date) == expected.trade_date).all()
    assert (found.is_suspended == expected.is_suspended).all()
    for name in (*PRICES, "volume"):
        if name in expected:
            pd.testing.assert_series_equal(found[name].astype(float), expected[name].astype(float), check_exact=True)
    turnover = found.total_turnover, expected.total_turnover.astype(float)
    pd.testing.assert_series_equal(*turnover, check_exact=False, rtol=1e-12)
    pd.testing.assert_series_equal(found.adj_factor, expected.adj_factor.astype(float), check_exact=False, rtol=factors)


@pytest.mark.parametrize(("name", "read", "factors"), [(SSE50, canonical, 1e-15), (TUSHARE, tushare, 1e-12)])
def test_both_shapes_of_the_fifty_names_come_to_what_pandas_makes_of_them(
    bench: MakeBench, market_data: Path, name: str, read: Callable[[Path], pd.DataFrame], factors: float
) -> None:
    expected = with_rests(read(market_data), sessions_of(market_data))
    rests = expected[expected.is_suspended].groupby("order_book_id").trade_date.agg(["min", "max"])
    assert {one: tuple(days.dt.strftime("%Y-%m-%d")) for one, days in rests.T.items()} == RESTS
    assert expected.is_suspended.sum() == 24
    _, found = run(bench, market_data / name)
    equal(found, expected, factors=factors)
    assert set(found[found.is_suspended].source) == {"inferred"}
    assert set(found[~found.is_suspended].source) == {"files"}


def test_fourteen_years_with_rows_of_rests_come_to_what_pandas_makes_of_them(market_data: Path) -> None:
    expected = old(market_data)
    assert expected.is_suspended.sum() == 7_171
    answer = Files(str(market_data / OLD), [day.date() for day in sessions_of(market_data)]).daily_bars(None, date.min, date.max)
    assert isinstance(answer, Data)
    equal(answer.table.to_pandas(), expected, factors=0)


def test_rows_that_are_lost_are_told_from_the_24_that_rested(bench: MakeBench, market_data: Path, tmp_path: Path) -> None:
    table = pq.read_table(market_data / SSE50)
    frame = canonical(market_data).sort_values(["order_book_id", "trade_date"])
    by_id = frame.groupby("order_book_id")
    # Without the day in between the next reference price is not the last close: a loss that shows.
    shows = (by_id.prev_close.shift(-1) - by_id.close.shift()).abs() > 0.02 + 1e-5 * frame.close
    inside = (frame.trade_date > "2025-05-06") & (frame.trade_date < "2025-07-25") & shows
    # Neither an ex-date nor the edge of a rest: what a loss there looks like is another question.
    calm = (by_id.adj_factor.shift(-1) == by_id.adj_factor.shift()) & ~frame.order_book_id.isin(RESTS)
    lost = frame[inside & calm].sample(20, random_state=7)
    path = tmp_path / "bars.parquet"
    pq.write_table(table.take([at for at in range(len(table)) if at not in set(lost.index)]), path)
    there, found = run(bench, path)
    assert len(found) == 5000 - 20
    rested = found[found.source == "inferred"]
    assert rested.groupby("order_book_id").size().to_dict() == {"601088.XSHG": 10, "688041.XSHG": 10, "600150.XSHG": 4}
    told = there.run().lake.read("confirmed_empty").to_pandas()
    assert set(zip(told.order_book_id, told.trade_date, strict=True)) == set(
        zip(lost.order_book_id, lost.trade_date.dt.date, strict=True)
    )
    facts = there.run().lake.facts("daily_bars")
    assert facts["coverage"] == round(1 - 20 / 5000, 6)
    assert date(2025, 4, 8) == min(found.trade_date)
