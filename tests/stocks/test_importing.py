"""Moving in: files as people have them come out as an independent computation says, or are refused with what to do."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from app.definitions import Dataset
from app.errors import Invalid, NotFound
from app.runner.call import params_of
from app.stocks.intake.failures import SourceMismatch
from app.stocks.ops.importing import import_bars
from app.stocks.ops.validate import validate_data_quality
from tests.stocks.bar_files import Row, row, write
from tests.stocks.op_context import Bench, Context

MakeBench = Callable[..., Bench]
DAYS = ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"]


def rows(one: str = "600000.SH", **values: Any) -> list[Row]:
    """A week in which turnover / volume is a price of the day."""
    made = {"volume": 1000, "total_turnover": 10_050.0, "adj_factor": 1.0}
    return [row(day, one, **(made | values)) for day in DAYS]


@pytest.fixture
def there(bench: MakeBench, tmp_path: Path) -> Bench:
    (tmp_path / "imports").mkdir()
    return bench(source="files")


def put(there: Bench, name: str, given: list[Row], **renamed: str) -> str:
    write(there.data_dir / "imports" / name, given, **renamed)
    return name


def bring(there: Bench, path: str, **params: Any) -> tuple[Context, str]:
    context = there.run()
    made = import_bars(context, **params_of("op", import_bars.params_model, {"path": path, **params}))
    if made is None:
        return context, "nothing"
    assert isinstance(made, Dataset)
    validate_data_quality(context, made)
    return context, there.publish(context)


def report(context: Context) -> dict[str, Any]:
    (found,) = [fields for _, message, fields in context.log.lines if message == "What was brought"]
    json.dumps(found)
    return found


def bars(there: Bench) -> pd.DataFrame:
    frame: pd.DataFrame = there.run().lake.read("daily_bars").to_pandas()
    return frame


def test_a_spreadsheet_in_gb18030_with_excel_days_lots_and_lost_noughts(there: Bench) -> None:
    serials = [(date.fromisoformat(day) - date(1899, 12, 30)).days for day in DAYS]
    names = {"代码": ["1"] * 5, "日期": serials, "开盘": [10.0] * 5, "最高": [10.2] * 5, "最低": [9.9] * 5, "收盘": [10.1] * 5,
             "成交量(手)": [10] * 5, "成交额": [10_050.0] * 5, "名称": ["平安银行"] * 5}  # fmt: skip
    file = there.data_dir / "imports" / "银行.csv"
    pd.DataFrame(names).to_csv(file, index=False, encoding="gb18030")
    with pytest.raises(Invalid, match="No column is known to be order_book_id, trade_date, open") as refused:
        bring(there, "银行.csv")
    proposal = json.loads(str(refused.value.hint).partition("might be ")[2])
    assert proposal["volume"] == "成交量(手)"
    context, outcome = bring(there, "银行.csv", columns=proposal)
    assert outcome == "published"
    found = bars(there)
    assert set(found["order_book_id"]) == {"000001.XSHE"}
    assert [day.isoformat() for day in found["trade_date"]] == DAYS
    assert (set(found["volume"]), set(found["total_turnover"])) == ({1000}, {10_050.0})
    said = report(context)
    assert (said["dates"], said["ids_with_lost_noughts"]) == ({"Excel serial": 5}, 5)
    assert said["units"]["volume"].startswith("lots (judged")
    assert there.run().lake.read("instruments").column("name").to_pylist() == ["平安银行"]


@pytest.mark.parametrize(
    ("volume", "turnover", "words"),
    [(1000, 10_050.0, ("shares", "CNY")), (10, 10.05, ("lots", "thousand CNY")), (10, 1.005, ("lots", "ten thousand CNY")),
     (1000, 1.005, ("shares", "ten thousand CNY"))],
)  # fmt: skip
def test_units_are_judged_by_the_numbers(there: Bench, volume: int, turnover: float, words: tuple[str, str]) -> None:
    context, _ = bring(there, put(there, "a.csv", rows(volume=volume, total_turnover=turnover)))
    found = bars(there)
    assert (set(found["volume"]), set(found["total_turnover"])) == ({1000}, {10_050.0})
    assert tuple(report(context)["units"][name].split(" (")[0] for name in ("volume", "total_turnover")) == words


def test_a_map_that_says_otherwise_than_the_numbers_is_refused_with_what_to_write(there: Bench) -> None:
    path = put(there, "a.csv", rows(volume=10))
    with pytest.raises(Invalid, match="the map says that volume is in shares, but its numbers are in lots") as refused:
        bring(there, path, columns={"volume": {"column": "volume", "unit": "shares"}})
    assert '"unit": "lots"' in str(refused.value.hint)
    _, outcome = bring(there, path, columns={"volume": {"column": "volume", "unit": "lots"}})
    assert outcome == "published"


def test_adjusted_prices_are_refused(there: Bench) -> None:
    with pytest.raises(Invalid, match=r"in no units does turnover / volume lie within low\.\.high") as refused:
        bring(there, put(there, "a.csv", rows(total_turnover=13_000.0)))
    assert "adj_factor" in str(refused.value.hint)


def test_a_map_is_checked_whole(there: Bench) -> None:
    given = {"clse": "close", "close": "closing", "open": {"column": "open", "unit": "lots"}}
    with pytest.raises(Invalid) as refused:
        bring(there, put(there, "a.csv", rows()), columns=given)
    assert [(fault.pointer, fault.message) for fault in refused.value.faults] == [
        ("/params/columns/clse", "is no column of daily_bars; did you mean 'close'?"),
        ("/params/columns/close", "the file has no column 'closing'; did you mean 'close'?"),
        ("/params/columns/open", "is not in lots; open is in no unit of choice"),
    ]


def test_a_table_of_a_duckdb_file(there: Bench) -> None:
    path = there.data_dir / "imports" / "mine.duckdb"
    frame = pd.DataFrame(rows())  # the name that DuckDB finds it by
    assert len(frame) == 5
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE prices AS SELECT * REPLACE (trade_date::DATE AS trade_date) FROM frame")
        connection.execute("CREATE VIEW passwords AS SELECT * FROM read_csv('/etc/passwd')")
    with pytest.raises(Invalid, match="has no table 'price'; did you mean 'prices'"):
        bring(there, "mine.duckdb", table="price")
    with pytest.raises(Invalid, match="DuckDB cannot read it: Permission Error"):
        bring(there, "mine.duckdb", table="passwords")
    assert bring(there, "mine.duckdb", table="prices")[1] == "published"
    assert bars(there)["close"].tolist() == [10.1] * 5


def test_a_dry_run_says_what_would_come_and_changes_nothing(there: Bench) -> None:
    given = [*rows(), rows()[0], *rows("000002.SZ", open=-1.0), row("2026-01-04", "600004.SH"), *rows("900901.SH")]
    context, outcome = bring(there, put(there, "a.csv", given), dry_run=True)
    assert outcome == "nothing"
    said = report(context)
    assert said["kept_out"] == {"duplicates": 1, "positive": 5, "session": 1, "instrument": 5}
    assert (said["rows"], said["coverage"]["expected"], said["lake"]) == (17, 5, {"new": 5, "same": 0, "different": 0})
    assert there.run().lake.read("daily_bars").num_rows == 0
    assert context.lake.staged() == []


def test_what_the_lake_has_stays_unless_it_is_to_be_replaced(there: Bench) -> None:
    bring(there, put(there, "a.csv", rows()))
    other = put(there, "b.csv", [*rows(close=10.15), *rows("600004.SH")])
    context, _ = bring(there, other)
    assert report(context)["lake"] == {"new": 5, "same": 0, "different": 5}
    assert bars(there).groupby("order_book_id")["close"].first().to_dict() == {"600000.XSHG": 10.1, "600004.XSHG": 10.1}
    assert there.host.states[-1]["datasets"]["daily_bars"]["facts"]["source"] == "files"
    bring(there, other, replace=True)
    assert bars(there).groupby("order_book_id")["close"].first().to_dict() == {"600000.XSHG": 10.15, "600004.XSHG": 10.1}
    assert report(bring(there, other)[0])["lake"] == {"new": 0, "same": 10, "different": 0}


def test_history_that_is_brought_later_does_not_set_the_lake_back(there: Bench) -> None:
    bring(there, put(there, "a.csv", rows()))
    older = [one | {"trade_date": "2025-12-30"} for one in rows("600004.SH")[:1]]
    bring(there, put(there, "b.csv", older))
    facts = there.run().lake.facts("daily_bars")
    assert (facts["history_from"], facts["ready_through"]) == ("2025-12-30", "2026-01-09")


def test_factors_made_from_reference_prices_do_not_begin_anew_in_the_middle(there: Bench) -> None:
    def without(days: slice) -> list[Row]:
        return [
            {name: value for name, value in one.items() if name != "adj_factor"} | {"prev_close": 10.1} for one in rows()[days]
        ]

    bring(there, put(there, "a.csv", without(slice(3))))
    with pytest.raises(Invalid, match="their factors would begin anew"):
        bring(there, put(there, "b.csv", without(slice(3, 5))))
    assert bring(there, put(there, "c.csv", without(slice(5))), replace=True)[1] == "published"


def test_another_source_s_lake_is_left_alone(bench: MakeBench, there: Bench) -> None:
    path = put(there, "a.csv", rows())
    with pytest.raises(SourceMismatch, match="the source is 'simulated'") as refused:
        import_bars(bench(source="simulated").run(), path=path)
    assert "OPENBELL_SOURCE to files" in str(refused.value.hint)
    context = there.run()
    context.lake.note("daily_bars", source="rqdatac")
    with pytest.raises(SourceMismatch, match="holds the data of the source 'rqdatac'"):
        import_bars(context, path=path)


@pytest.mark.parametrize("path", ["../openbell.db", "/etc/passwd", "", ".", "a/../../lake"])
def test_nothing_outside_of_imports_is_read(there: Bench, path: str) -> None:
    with pytest.raises(Invalid, match="is not inside of"):
        bring(there, path)
    with pytest.raises(NotFound):
        bring(there, "nothing.csv")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"\xff\xfe\xff\x00\x81", "is neither UTF-8 nor GB18030 text"),
        ("a.csv", b"", "is empty"),
        ("a.csv", "代码,日期\n".encode("gb18030"), "No column is known"),
        ("a.xlsx", b"PK", "'?.xlsx'? is not read"),
        ("a.csv", b"code,date,open,high,low,close,volume\n600000,31/08/2025,1,1,1,1,1\n", "column 'date', row 1: '31/08/2025'"),
        ("a.csv", b"code,date,open,high,low,close,volume\nPING AN,20250829,1,1,1,1,1\n", "column 'code', row 1: 'PING AN'"),
        ("a.csv", b"code,date,open,high,low,close,volume\n600000,20250829,ten,1,1,1,1\n", "'ten' is no number"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(there: Bench, name: str, content: bytes, words: str) -> None:
    (there.data_dir / "imports" / name).write_bytes(content)
    with pytest.raises(Invalid, match=words):
        bring(there, name)


@pytest.mark.data
@pytest.mark.parametrize("name", ["sse50_2025_daily.parquet", "raw/tushare_daily_sse50.csv", "daily_2005_2018_ohlcv.parquet"])
def test_both_vendors_shapes_give_what_an_independent_computation_gives(there: Bench, market_data: Path, name: str) -> None:
    source = there.data_dir / "imports" / Path(name).name
    shutil.copy(market_data / name, source)
    if name.startswith("daily_2005"):
        # Of 52 instruments those that rested longest, and one more: fourteen years of each are enough.
        some = ["000776.XSHE", "600745.XSHG", "600893.XSHG", "600000.XSHG"]
        pq.write_table(pq.read_table(market_data / name, filters=[("order_book_id", "in", some)]), source)
    context, outcome = bring(there, source.name)
    assert outcome == "published"
    found = bars(there)
    taken = found[found["source"] == "files"].reset_index(drop=True)
    expected = _independent(source)
    assert len(taken) == len(expected)
    for column, values in expected.items():
        if not pd.api.types.is_numeric_dtype(values):
            assert taken[column].tolist() == values.tolist(), column
        else:
            assert np.array_equal(taken[column].to_numpy(float), values.to_numpy(float), equal_nan=True), column
    assert report(context)["kept_out"] == {}


def _independent(path: Path) -> pd.DataFrame:
    """What the rows should be, by pandas alone."""
    if path.suffix == ".csv":
        raw = pd.read_csv(path, dtype={"ts_code": str, "trade_date": str})
        code = raw["ts_code"].str.replace(".SH", ".XSHG").str.replace(".SZ", ".XSHE")
        day = pd.to_datetime(raw["trade_date"], format="%Y%m%d").dt.date
        volume, turnover = (raw["vol"] * 100).round(), (raw["amount"] * 1000).round(3)
    else:
        raw = pd.read_parquet(path)
        code, day, volume, turnover = raw["order_book_id"], raw["date"], raw["volume"], raw["total_turnover"]
    made = pd.DataFrame({"order_book_id": code, "trade_date": day, "volume": volume, "total_turnover": turnover})
    rested = (made["volume"] == 0) & (raw[["open", "high", "low", "close"]].nunique(axis=1) == 1)
    for name in ("open", "high", "low", "close"):
        made[name] = raw[name].astype(float).mask(rested)
    if "pre_close" in raw:
        made["prev_close"] = raw["pre_close"].mask(rested)
    if "adj_factor" in raw:
        made["adj_factor"] = raw["adj_factor"]
    ordered: pd.DataFrame = made.sort_values(["order_book_id", "trade_date"], ignore_index=True)
    return ordered


def test_a_folder_is_one_delivery(there: Bench) -> None:
    (there.data_dir / "imports" / "all").mkdir()
    put(there, "all/a.csv", rows())
    put(there, "all/b.parquet", rows("600004.SH"))
    context, _ = bring(there, "all")
    assert report(context)["files"] == 2
    assert set(bars(there)["order_book_id"]) == {"600000.XSHG", "600004.XSHG"}
