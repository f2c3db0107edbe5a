"""Bars of minutes: the minutes of a session, what cannot be true, longer bars, and sums that must be the day's."""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import app.stocks  # noqa: F401  it registers the ops
from app.definitions.pipeline import parse_pipeline
from app.errors import Invalid
from app.runner.catalogue import describe
from app.stocks import dictionary
from app.stocks.intraday import aggregate, minutes
from app.stocks.intraday.bars import Bars
from app.stocks.intraday.report import Report
from app.stocks.intraday.screen import screen
from app.stocks.lake.page import Choice, page
from app.stocks.ops.intraday import aggregate_intraday, sync_intraday
from app.stocks.quality.gate import QualityGate
from app.stocks.sources.answers import Data, Unavailable
from app.stocks.sources.files import Files
from app.stocks.sources.simulated import Simulated
from tests.stocks.bar_files import row, write
from tests.stocks.conftest import AFTER_CLOSE
from tests.stocks.lake_host import MemoryHost
from tests.stocks.op_context import Bench
from tests.stocks.runs import go

MakeBench = Callable[..., Bench]
DAY = date(2026, 11, 20)
MARKET = {"simulated_symbols": 12, "simulated_years": 0.3}
ALWAYS = (date(1990, 1, 1), date(2030, 1, 1))


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@pytest.fixture(scope="module")
def market(sessions: list[date]) -> Simulated:
    return Simulated(sessions, AFTER_CLOSE, symbols=12)


@pytest.fixture(scope="module")
def minute_bars(market: Simulated) -> pa.Table:
    answer = market.intraday_bars(None, date(2026, 11, 18), date(2026, 11, 20), "1m")
    assert isinstance(answer, Data)
    return answer.table


def changed(table: pa.Table, place: int, **values: Any) -> pa.Table:
    rows = table.slice(place, 1).to_pylist()
    return pa.concat_tables(
        [table.slice(0, place), pa.Table.from_pylist([rows[0] | values], schema=table.schema), table.slice(place + 1)]
    )


@pytest.mark.parametrize("exchange", ["XSHG", "XSHE", "BJSE"])
def test_a_session_has_240_minutes_named_by_their_ends(exchange: str) -> None:
    for day in (date(2005, 1, 4), date(2016, 1, 4), date(2026, 11, 20)):
        known = minutes.ends(exchange, day)
        assert len(known) == 240
        assert [clock(known[at]) for at in (0, 119, 120, 239)] == ["09:31", "11:30", "13:01", "15:00"]
    days = np.full(4, (DAY - date(1970, 1, 1)).days)
    assert minutes.place(exchange, days, np.array([9 * 60 + 30, 9 * 60 + 31, 12 * 60, 15 * 60])).tolist() == [-1, 0, -1, 239]


def test_the_distance_of_times_tells_the_frequency() -> None:
    known = minutes.ends("XSHG", DAY)
    for name, length in minutes.LENGTHS.items():
        assert minutes.frequency(known[length - 1 :: length]) == name
    assert minutes.frequency([10 * 60, 10 * 60 + 7]) is None
    assert minutes.frequency([10 * 60]) is None


@pytest.mark.parametrize("frequency", ["5m", "15m", "30m", "60m"])
def test_longer_bars_equal_an_independent_computation(minute_bars: pa.Table, frequency: str) -> None:
    length = minutes.LENGTHS[frequency]
    made = aggregate.longer(Bars.of(minute_bars, "1m"), frequency).to_pandas()
    frame = minute_bars.to_pandas().sort_values(["order_book_id", "at"])
    # Morning and afternoon are whole numbers of every frequency: each counted from its own beginning.
    begin = frame["at"].dt.normalize() + pd.to_timedelta(np.where(frame["at"].dt.hour < 12, 9.5, 13), unit="h")
    steps = np.ceil((frame["at"] - begin) / pd.Timedelta(minutes=length))
    frame["end"] = begin + steps * pd.Timedelta(minutes=length)
    grouped = frame.groupby(["order_book_id", "end"])
    expected = grouped.agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last"), volume=("volume", "sum"),
        total_turnover=("total_turnover", "sum"),
    ).reset_index()  # fmt: skip
    assert len(made) == len(expected) == len(minute_bars) // length
    assert (made["order_book_id"] == expected["order_book_id"]).all()
    assert (made["at"] == expected["end"]).all()
    for name in ("open", "high", "low", "close", "volume"):
        assert (made[name] == expected[name]).all(), name
    assert np.allclose(made["total_turnover"], expected["total_turnover"], rtol=1e-12)
    assert set(made["frequency"]) == {frequency}


def test_longer_bars_of_longer_bars_are_the_same(minute_bars: pa.Table) -> None:
    once = aggregate.longer(Bars.of(minute_bars, "1m"), "60m")
    twice = aggregate.longer(Bars.of(aggregate.longer(Bars.of(minute_bars, "1m"), "15m"), "15m"), "60m")
    assert once.drop_columns("total_turnover").equals(twice.drop_columns("total_turnover"))
    with pytest.raises(ValueError, match="are no parts of 1m"):
        aggregate.longer(Bars.of(once, "60m"), "1m")


def test_a_lost_minute_moves_no_other_bar(minute_bars: pa.Table) -> None:
    whole = aggregate.longer(Bars.of(minute_bars, "1m"), "5m")
    holed = aggregate.longer(Bars.of(pa.concat_tables([minute_bars.slice(0, 4), minute_bars.slice(5)]), "1m"), "5m")
    assert holed.column("at").equals(whole.column("at"))
    assert holed.slice(1).equals(whole.slice(1))


def test_the_simulated_minutes_add_up_to_their_days(market: Simulated, minute_bars: pa.Table, sessions: list[date]) -> None:
    daily = market.daily_bars(None, date(2026, 11, 18), date(2026, 11, 20))
    assert isinstance(daily, Data)
    report = Report()
    bars = Bars.of(minute_bars, "1m")
    assert screen(minute_bars, "1m", sessions).kept_out.num_rows == 0
    report.take(bars, daily.table)
    assert (report.failed, report.quality) == ({"days": 0, "bars": 0, "sums": 0}, 1.0)
    assert report.checked["bars"] == len(minute_bars) == 240 * report.checked["sums"]
    made = aggregate.daily(bars)
    assert pc.sum(made.column("volume")).as_py() == pc.sum(minute_bars.column("volume")).as_py()
    assert minute_bars.schema.names == list(dictionary.get("intraday_bars").names)
    minute = pc.strftime(minute_bars.column("at"), format="%H:%M")
    assert pc.sum(minute_bars.filter(pc.equal(minute, "14:59")).column("volume")).as_py() == 0
    # A part of the names or days gives the same rows.
    answer = market.intraday_bars(["600001.SIM"], DAY, DAY, "1m")
    assert isinstance(answer, Data)
    own = pc.and_(pc.equal(minute_bars.column("order_book_id"), "600001.SIM"), pc.equal(minute_bars.column("trade_date"), DAY))
    assert answer.table.equals(minute_bars.filter(own).combine_chunks())


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"at": datetime.fromisoformat("2026-11-18T12:00")}, "minutes"),
        ({"at": datetime.fromisoformat("2026-11-21T10:00"), "trade_date": date(2026, 11, 21)}, "session"),
        ({"low": 9e9}, "ohlc"),
        ({"open": None}, "nulls"),
        ({"low": -1.0}, "positive"),
        ({"volume": -5}, "volume"),
        ({"order_book_id": "900901.XSHG"}, "instrument"),
    ],
)
def test_a_bar_that_cannot_be_true_is_kept_out(
    minute_bars: pa.Table, sessions: list[date], values: dict[str, Any], check: str
) -> None:
    found = screen(changed(minute_bars, 7, **values), "1m", sessions)
    (kept,) = found.kept_out.to_pylist()
    assert (kept["dataset"], kept["check"], kept["occurrences"]) == ("intraday_bars", check, 1)
    assert len(found.bars.code) == len(minute_bars) - 1


def test_of_equal_bars_one_is_taken_and_of_contradicting_ones_none(minute_bars: pa.Table, sessions: list[date]) -> None:
    again = pa.concat_tables([minute_bars, minute_bars.slice(0, 1), changed(minute_bars, 5, volume=1).slice(5, 1)])
    found = screen(again, "1m", sessions)
    assert len(found.bars.code) == len(minute_bars) - 1
    assert [one["check"] for one in found.kept_out.to_pylist()] == ["duplicates"] * 3
    worse = pa.concat_tables([minute_bars.set_column(5, "high", pc.multiply(minute_bars.column("low"), 0.5))] * 2)
    with pytest.raises(QualityGate, match=r"bars are bad, such as .* ohlc"):
        screen(worse, "1m", sessions)


def test_what_does_not_add_up_is_named(market: Simulated, minute_bars: pa.Table) -> None:
    daily = market.daily_bars(None, date(2026, 11, 18), date(2026, 11, 20))
    assert isinstance(daily, Data)
    report = Report()
    lots = minute_bars.set_column(8, "volume", pc.divide(minute_bars.column("volume"), 100))
    report.take(Bars.of(lots.slice(1), "1m"), daily.table)
    assert report.failed["bars"] == 1
    assert report.examples["bars"][0]["detail"] == "has 239 of 240 bars"
    assert report.failed["sums"] == report.checked["sums"]
    assert "(volume in lots of 100?)" in report.examples["sums"][-1]["detail"]


def test_a_run_takes_minutes_once_and_keeps_longer_bars_beside_them(bench: MakeBench) -> None:
    there = bench(**MARKET)
    go(there)
    context = there.run(trade_date=DAY)
    made = sync_intraday(context)
    assert there.publish(context) == "published"
    assert (made.quality, context.metrics["quarantined_rows"]) == (1.0, 0)
    rows = there.run().lake.read("intraday_bars")
    assert len(rows) == context.metrics["fetched_rows"] > 2000
    assert {one["check"] for one in there.run().lake.facts("intraday_bars")["checks"]} == {"days", "bars", "sums"}
    again = there.run(trade_date=DAY)
    sync_intraday(again)
    assert (again.metrics["fetched_rows"], there.publish(again)) == (0, "unchanged")
    other = there.run()
    sync_intraday(other, start_date=date(2026, 11, 18), end_date=date(2026, 11, 19), symbols=["600001.SIM"])
    assert other.metrics["fetched_rows"] == 480
    there.publish(other)
    longer = there.run()
    made = aggregate_intraday(longer, made, to=["5m", "60m"])
    assert there.publish(longer) == "published"
    assert made.rows == (len(rows) + 480) * (12 + 1) // 60
    every = there.run().lake.read("intraday_bars", symbols=["600001.SIM"], start=DAY, end=DAY).to_pandas()
    assert dict(every.groupby("frequency").size()) == {"1m": 240, "5m": 48, "60m": 4}
    assert set(every[every.frequency != "1m"].source) == {"aggregated"}
    with pytest.raises(Invalid, match="bars of 5m are no parts of 1m"):
        aggregate_intraday(there.run(), made, frequency="5m", to=["1m"])


def test_pages_of_minutes_follow_each_other(tmp_path: Path, minute_bars: pa.Table) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("intraday_bars", minute_bars)
    spec, files = lake.spec("intraday_bars"), lake.files("intraday_bars")
    pieces, after = [], None
    while True:
        found = page(lake.folder, spec, files, spec.names, Choice(), after=after, limit=1000, seconds=60)
        pieces.append(found.rows)
        if found.after is None:
            break
        after = found.after
    assert len(pieces) > 5
    assert pa.concat_tables(pieces).equals(lake.read("intraday_bars"))


def test_days_that_the_source_no_longer_has_are_not_published_as_if_they_were_whole(bench: MakeBench) -> None:
    there = bench(**MARKET)
    go(there)
    with pytest.raises(QualityGate, match="traded days of 2026-10-12 to 2026-11-20 have no bars"):
        sync_intraday(there.run(), start_date=date(2026, 10, 12), end_date=DAY)


def test_a_file_of_minutes_stands_beside_bars(bench: MakeBench, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write(folder / "daily.csv", [row("2026-11-20", volume=24_000, high=10.2, low=9.9, close=10.1)])
    known = minutes.ends("XSHG", DAY)
    times = [f"2026-11-20 {clock(at)}:00" for at in known]
    bar = {"ts_code": "600000.SH", "open": 10.0, "high": 10.2, "low": 9.9, "close": 10.1, "vol": 1, "amount": 1.005}
    write(folder / "minute.csv", [bar | {"trade_time": at} for at in times])
    there = bench(source="files", files_path=str(folder))
    go(there)
    context = there.run(trade_date=DAY)
    made = sync_intraday(context)
    assert (made.rows, made.quality) == (240, 1.0)
    write(folder / "minute.csv", [bar | {"trade_time": at} for at in ("2026-11-20 10:00", "2026-11-20 10:07")])
    answer = Files(str(folder), there.known).health()
    assert isinstance(answer, Unavailable)
    assert "holds bars of no known frequency: they stand at 10:00, 10:07" in answer.detail


def test_the_documented_pipeline_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    block = text[text.index('    {"name": "minutes"') :]
    made = parse_pipeline(json.loads(block[: block.index("\n\n")]), describe())
    assert [node.op for node in made.nodes] == ["sync_intraday", "aggregate_intraday"]


@pytest.mark.data
def test_real_minutes_of_an_index_are_read_added_up_and_kept_out(market_data: Path, tmp_path: Path, sessions: list[date]) -> None:
    raw = pd.read_parquet(next((market_data / "minute").iterdir()))
    table = intraday_of(market_data, "minute", tmp_path, sessions, "1m")
    assert len(table) == len(raw) == 7 * 240
    hourly = aggregate.longer(Bars.of(table, "1m"), "60m").to_pandas()
    ends = {10 * 60 + 30, 11 * 60 + 30, 14 * 60, 15 * 60}
    assert set(hourly["at"].dt.hour * 60 + hourly["at"].dt.minute) == ends
    first = raw[raw.datetime.dt.strftime("%Y-%m-%d %H:%M").between("2020-07-01 09:31", "2020-07-01 10:30")]
    one = hourly.iloc[0]
    assert (one.open, one.high, one.low, one.close) == (
        first.open.iloc[0],
        first.high.max(),
        first.low.min(),
        first.close.iloc[-1],
    )
    daily = aggregate.daily(Bars.of(table, "1m")).to_pandas()
    expected = raw.groupby(raw.datetime.dt.date).agg(volume=("volume", "sum"), high=("high", "max"), close=("close", "last"))
    assert (daily.volume.to_numpy() == expected.volume.to_numpy()).all()
    assert (daily.high.to_numpy() == expected.high.to_numpy()).all()
    assert (daily.close.to_numpy() == expected.close.to_numpy()).all()
    kept = screen(table, "1m", sessions).kept_out.to_pylist()
    assert ({one["check"] for one in kept}, len(kept)) == ({"instrument"}, 1680)


@pytest.mark.data
def test_real_hours_of_twenty_five_shares_may_all_be_true(market_data: Path, tmp_path: Path, sessions: list[date]) -> None:
    table = intraday_of(market_data, "raw/hourly_sse50_2025.csv", tmp_path, sessions, "60m")
    found = screen(table, "60m", sessions)
    assert (len(table), found.kept_out.num_rows, len(found.bars.ids)) == (3000, 0, 25)
    assert len(found.bars.starts()) == 750, "four bars on each of thirty days"
    raw = pd.read_csv(market_data / "raw/hourly_sse50_2025.csv")
    daily = aggregate.daily(found.bars).to_pandas()
    by_day = raw.groupby(["stock_code", raw.trade_date.str[:10]])
    expected = by_day.agg(high=("high", "max"), low=("low", "min"), volume=("volume", "sum"))
    for name in ("high", "low", "volume"):
        assert (daily[name].to_numpy() == expected[name].to_numpy()).all(), name


def intraday_of(market_data: Path, name: str, folder: Path, sessions: list[date], frequency: str) -> pa.Table:
    """What the source `files` delivers of those files of minutes, beside daily bars."""
    files = [market_data / name] if (market_data / name).is_file() else sorted((market_data / name).iterdir())
    for each in files:
        (folder / each.name).symlink_to(each)
    write(folder / "daily.csv", [row("2020-07-01")])
    answer = Files(str(folder), sessions).intraday_bars(None, *ALWAYS, frequency)
    assert isinstance(answer, Data)
    return answer.table
