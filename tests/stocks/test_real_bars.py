"""Real A-share bars through the ops: nothing lost, rests told from losses, the unexplained named."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from app.stocks import bar_keys, gaps
from app.stocks.intake.failures import SourceUnavailable
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.ops.validate import validate_data_quality
from app.stocks.quality.gate import QualityGate
from app.stocks.sources import Data
from app.stocks.sources.files import Files
from tests.stocks.op_context import Bench, Context

pytestmark = pytest.mark.data
SSE50, OLD = "sse50_2025_daily.parquet", "daily_2005_2018_ohlcv.parquet"
ALWAYS = (date(1990, 1, 1), date(2030, 1, 1))
MakeBench = Callable[..., Bench]


def on_files(bench: MakeBench, path: Path) -> Bench:
    return bench(source="files", files_path=str(path))


def run(there: Bench, *, validate: bool) -> tuple[Context, str]:
    context = there.run()
    loaded = load_market_data(context)
    validate_data_quality(context, loaded) if validate else complete_data(context, loaded)
    return context, there.publish(context)


def delivered(path: Path, sessions: list[date]) -> pa.Table:
    answer = Files(str(path), sessions).daily_bars(None, *ALWAYS)
    assert isinstance(answer, Data)
    return answer.table


@pytest.mark.parametrize("validate", [True, False])
def test_all_rows_arrive_and_the_missing_sessions_are_rests(
    bench: MakeBench, market_data: Path, sessions: list[date], validate: bool
) -> None:
    there = on_files(bench, market_data / SSE50)
    _, outcome = run(there, validate=validate)
    assert outcome == "published"
    rows = there.run().lake.read("daily_bars")
    inferred = rows.filter(pc.equal(rows.column("source"), "inferred"))
    assert (rows.num_rows, inferred.num_rows) == (5000, 24)
    assert Counter(inferred.column("order_book_id").to_pylist()) == {"601088.XSHG": 10, "688041.XSHG": 10, "600150.XSHG": 4}
    assert pc.all(inferred.column("is_suspended")).as_py()
    assert there.run().lake.read("quarantine").num_rows == 0
    own = rows.filter(bar_keys.among(rows, delivered(market_data / SSE50, sessions)))
    assert own.equals(bar_keys.in_order(delivered(market_data / SSE50, sessions)).select(own.column_names).cast(own.schema))
    state = there.host.states[-1]["datasets"]["daily_bars"]
    assert state["quality"] == 1.0
    assert (state["facts"]["adjusted"], state["facts"]["coverage"], state["facts"]["source"]) == (True, 1.0, "files")
    assert run(there, validate=validate)[1] == "unchanged"


def test_the_vendor_s_own_csv_gives_the_same_rows(market_data: Path, sessions: list[date]) -> None:
    parquet, raw = (delivered(market_data / name, sessions) for name in (SSE50, "raw/tushare_daily_sse50.csv"))
    assert raw.num_rows == 4976
    assert raw.drop_columns("adj_factor").equals(parquet.drop_columns("adj_factor"))
    # The file's factors begin on an earlier day: they differ by one number for each instrument.
    ratio = pc.divide(parquet.column("adj_factor"), raw.column("adj_factor"))
    by_id = (
        pa.table({"id": raw.column("order_book_id"), "ratio": ratio})
        .group_by("id")
        .aggregate([("ratio", "min"), ("ratio", "max")])
    )
    assert all(one["ratio_max"] / one["ratio_min"] - 1 < 1e-7 for one in by_id.to_pylist())


def test_fourteen_years_without_factors_are_published_as_unadjusted(bench: MakeBench, market_data: Path) -> None:
    there = on_files(bench, market_data / OLD)
    _, outcome = run(there, validate=False)
    assert outcome == "published"
    rows = there.run().lake.read("daily_bars")
    rested = rows.filter(rows.column("is_suspended"))
    assert (rows.num_rows, rested.num_rows) == (136_826, 7_171)
    assert rested.column("close").null_count == 7_171
    assert rows.column("adj_factor").null_count == rows.num_rows
    assert there.run().lake.read("quarantine").num_rows == 0
    facts = there.host.states[-1]["datasets"]["daily_bars"]["facts"]
    assert (facts["adjusted"], facts["coverage"]) == (False, 1.0)
    (jumps,) = [one for one in facts["checks"] if one["check"] == "jumps"]
    assert (jumps["checked"], jumps["failed"]) == (129_603, 137)
    assert jumps["examples"][0]["detail"].endswith("the limit was 10 %)")
    assert {one["check"] for one in facts["checks"] if one["failed"]} == {"jumps"}
    assert run(there, validate=False)[1] == "unchanged"


def test_rows_and_rows_kept_out_are_the_file(bench: MakeBench, market_data: Path, tmp_path: Path) -> None:
    table = pq.read_table(market_data / SSE50)
    chance = random.Random(5)
    twice = table.take(chance.sample(range(len(table)), 40))
    negative = table.take(chance.sample(range(len(table)), 15))
    negative = negative.set_column(4, "low", pc.negate(negative.column("low")))
    swapped = table.slice(100, 5)
    swapped = swapped.rename_columns([{"high": "low", "low": "high"}.get(name, name) for name in swapped.column_names])
    whole = pa.concat_tables([table, twice, negative, swapped.select(table.column_names)])
    path = tmp_path / "dirty.parquet"
    pq.write_table(whole.take(chance.sample(range(len(whole)), len(whole))), path)
    there = on_files(bench, path)
    run(there, validate=True)
    rows = there.run().lake.read("daily_bars")
    own = pc.sum(pc.equal(rows.column("source"), "files")).as_py()
    quarantine = there.run().lake.read("quarantine")
    assert own + pc.sum(quarantine.column("occurrences")).as_py() == whole.num_rows == 5036
    assert own == 4976
    assert Counter(one["check"] for one in quarantine.to_pylist() for _ in range(one["occurrences"])) == {
        "duplicates": 40,
        "positive": 15,
        "ohlc": 5,
    }


def test_single_lost_rows_are_seldom_mistaken_for_rests(market_data: Path, sessions: list[date]) -> None:
    rows = bar_keys.in_order(delivered(market_data / SSE50, sessions))
    inside = [at for at in range(1, len(rows) - 1) if at % 7 == 0]
    lost, kept = rows.take(inside), rows.filter(pa.array([at % 7 != 0 or at == 0 for at in range(len(rows))]))
    found = gaps.suspensions(kept, lost.select(["order_book_id", "trade_date"]), sessions)
    assert lost.num_rows > 700
    assert found.num_rows / lost.num_rows < 0.05


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "index_daily_2005_2018.parquet",
            r"not one row of .* is fit; 180 rows kept out by instrument \(such as 399106.XSHE 2018-12-28",
        ),
        ("raw/hourly_sse50_2025.csv", r"no file of daily bars is among 1 \(there are: intraday_bars\)"),
    ],
)
def test_what_is_no_file_of_daily_bars_of_shares_is_not_published(
    bench: MakeBench, market_data: Path, name: str, words: str
) -> None:
    there = on_files(bench, market_data / name)
    with pytest.raises((QualityGate, SourceUnavailable), match=words):
        run(there, validate=True)
    assert len(there.host.states) == 1


def test_a_day_that_never_came_is_refused_and_comes_later(bench: MakeBench, market_data: Path, tmp_path: Path) -> None:
    table = pq.read_table(market_data / SSE50)
    last = pc.max(table.column("date"))
    path = tmp_path / "bars.parquet"
    pq.write_table(table.filter(pc.less(table.column("date"), last)), path)
    there = on_files(bench, path)
    context = there.run(trade_date=last.as_py(), at=datetime(2025, 8, 29, 12, tzinfo=UTC))
    with pytest.raises(Exception, match="The data of 2025-08-29 are not ready; the newest are those of 2025-08-28"):
        load_market_data(context)
    pq.write_table(table, path)
    context = there.run(trade_date=last.as_py(), at=datetime(2025, 8, 29, 12, tzinfo=UTC))
    assert load_market_data(context).rows == 50
