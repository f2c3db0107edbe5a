"""daily_etl_pipeline: bars of the lake or of a file, screened, with what is computed of them, as files to pass on."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from app.errors import Invalid, Unavailable
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.etl import clean_data, enrich_data, extract_data, load_to_storage
from app.stocks.ops.handover import sync_and_complete
from tests.stocks.op_context import Bench, Context

DAY = date(2026, 11, 23)


@pytest.fixture
def there(bench: Callable[..., Bench]) -> Bench:
    made = bench(simulated_symbols=12, simulated_years=0.4)
    context = made.run()
    calculate_scores(context, calculate_indicators(context, sync_and_complete(context)))
    made.publish(context)
    return made


def pipeline(context: Context, given: dict[str, Any], **load: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load_to_storage(
        context, enrich_data(context, clean_data(context, extract_data(context, **given))), **load
    )
    return found


def test_a_day_of_the_lake_becomes_files_with_all_that_is_known_of_it(there: Bench) -> None:
    context = there.run(trade_date=DAY)
    written = pipeline(context, {}, forms=["parquet", "duckdb", "csv"])
    assert [each["path"] for each in written] == [f"exports/daily_etl/{DAY}.{form}" for form in ("parquet", "duckdb", "csv")]
    rows = pq.read_table(there.data_dir / written[0]["path"], partitioning=None)
    lake = there.run().lake
    for name, columns in (("daily_bars", None), ("indicators", ["ma5", "rsi14"]), ("scores", ["score", "usable_from"])):
        theirs = lake.read(name, start=DAY, end=DAY)
        at = pc.index_in(rows.column("order_book_id"), theirs.column("order_book_id").combine_chunks())
        for column in columns or theirs.column_names:
            assert rows.column(column).to_pylist() == theirs.column(column).take(at).to_pylist(), column
    with duckdb.connect(there.data_dir / written[1]["path"], read_only=True) as connection:
        assert connection.sql("from daily_etl").to_arrow_table().num_rows == rows.num_rows
    assert pacsv.read_csv(there.data_dir / written[2]["path"]).num_rows == rows.num_rows
    assert context.metrics["data_quality_score"] == 1


def test_without_a_date_it_is_the_newest_day_and_a_range_is_one_file(there: Bench) -> None:
    assert pipeline(there.run(), {})[0]["path"] == f"exports/daily_etl/{DAY}.parquet"
    given = {"start_date": date(2026, 11, 2), "end_date": DAY}
    first = pipeline(there.run(), given, name="november", forms=["parquet"])
    again = pipeline(there.run(), given, name="november", forms=["parquet"])
    assert first == again
    assert [path.name for path in (there.data_dir / "exports" / "november").iterdir()] == ["2026-11-02_2026-11-23.parquet"]


def test_a_file_of_a_vendor_is_screened_on_the_way(there: Bench) -> None:
    path = there.data_dir / "imports" / "theirs.csv"
    path.parent.mkdir()
    path.write_text(
        "ts_code,trade_date,open,high,low,close,vol,amount\n"
        "600000.SH,20261123,10,11,9,10.5,100,105\n"
        "600001.SH,20261123,10,8,9,10.5,100,105\n"
        "600000.SH,20261122,10,11,9,10.5,100,105\n"
    )
    context = there.run()
    rows = enrich_data(context, clean_data(context, extract_data(context, path="theirs.csv")))
    assert rows.column("order_book_id").to_pylist() == ["600000.XSHG"]
    assert rows.column("volume").to_pylist() == [10_000]
    assert rows.column("rsi14").to_pylist() == [None], "the lake knows nothing of it"
    assert context.metrics["left_out_rows"] == 2
    assert context.metrics["data_quality_score"] == pytest.approx(1 / 3)
    assert len([line for line in context.log.lines if "left out" in line[1]]) == 2


def test_what_is_not_there_is_said(there: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("user,password\n")
    (there.data_dir / "imports").mkdir()
    (there.data_dir / "imports" / "link.csv").symlink_to(secret)
    for path in (str(secret), "link.csv", "../admin.key", "nowhere.csv", "/**", "~", str(there.data_dir / "imports" / "*")):
        with pytest.raises(Invalid, match="is no file or folder below imports"):
            extract_data(there.run(), path=path)
    with pytest.raises(Unavailable, match="The lake has no bars"):
        extract_data(there.run(trade_date=DAY), symbols=["600000.XSHG"])
    with pytest.raises(Invalid, match="There are no rows to load"):
        load_to_storage(there.run(), pa.table({"trade_date": pa.array([], pa.date32())}))
