"""Moving out: files that stand for themselves, whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from app.definitions import OpContext
from app.errors import AlreadyExists, Invalid
from app.stocks.moving import export
from app.stocks.ops.exporting import export_data
from tests.stocks.market import DAYS, bars
from tests.stocks.op_context import Bench


@pytest.fixture
def there(bench: Callable[..., Bench]) -> Bench:
    made = bench()
    context = made.run()
    frame = bars(symbols=6)
    context.lake.stage("daily_bars", frame)
    ids = frame[["order_book_id", "trade_date"]]
    context.lake.stage("indicators", ids.assign(ma5=10.0, macd_hist=1.5))
    named = ids.drop_duplicates("order_book_id").rename(columns={"trade_date": "valid_from"}).assign(source="test", name="名,称")
    context.lake.stage("instruments", named)
    made.publish(context)
    return made


def go(there: Bench, name: str, **params: Any) -> dict[str, int]:
    context: OpContext = there.run()  # type: ignore[assignment]  # as much of one as an op asks
    made: dict[str, int] = export_data(context, name=name, **params)
    return made


def test_one_duckdb_file_holds_it_all_and_needs_nothing_else(there: Bench, tmp_path: Path) -> None:
    assert go(there, "market.duckdb")["daily_bars"] == 830
    elsewhere = tmp_path / "elsewhere.duckdb"
    (there.data_dir / "exports" / "market.duckdb").rename(elsewhere)
    (there.data_dir / "lake").rename(there.data_dir / "gone")
    with duckdb.connect(str(elsewhere), read_only=True) as connection:
        found = connection.sql("SELECT * FROM daily_bars ORDER BY order_book_id, trade_date").to_arrow_table()
        closes = connection.sql(
            "SELECT close FROM daily_bars_pre WHERE order_book_id = '600002.XSHG' ORDER BY trade_date"
        ).fetchall()
        (bar,) = connection.sql("SELECT DISTINCT macd_bar FROM indicators_pre WHERE order_book_id = '600000.XSHG'").fetchall()
        comments = dict(
            connection.sql("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'daily_bars'").fetchall()
        )
        snapshot = connection.sql("SELECT DISTINCT snapshot FROM metadata").fetchall()
    (there.data_dir / "gone").rename(there.data_dir / "lake")
    lake = there.run().lake.read("daily_bars")
    assert found.cast(lake.schema).equals(lake)
    rows = lake.filter(pc.equal(lake["order_book_id"], "600002.XSHG")).to_pandas()
    assert [close for (close,) in closes] == (rows["close"] * rows["adj_factor"] / rows["adj_factor"].iloc[-1]).tolist()
    assert (bar, snapshot) == ((3.0,), [(1,)])
    assert "收盘价" in comments["close"]


@pytest.mark.parametrize("form", ["duckdb", "parquet", "csv"])
def test_a_choice_is_what_is_written(there: Bench, form: Any) -> None:
    chosen = {"datasets": ["daily_bars", "instruments"], "symbols": ["600001.XSHG"], "start_date": DAYS[30], "end_date": DAYS[59]}
    assert go(there, "some", form=form, **chosen) == {"daily_bars": 30, "instruments": 1}
    place = there.data_dir / "exports" / "some"
    if form == "duckdb":
        with duckdb.connect(str(place), read_only=True) as connection:
            tables = {name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
            days = connection.sql("SELECT trade_date FROM daily_bars ORDER BY 1").fetchall()
        assert (tables, [day for (day,) in days]) == ({"daily_bars", "instruments", "metadata"}, DAYS[30:60])
    elif form == "parquet":
        assert pq.read_table(place / "daily_bars").column("trade_date").to_pylist() == DAYS[30:60]
    else:
        frame = pd.read_csv(place / "daily_bars.csv")
        assert frame["trade_date"].tolist() == [day.isoformat() for day in DAYS[30:60]]
        assert pd.read_csv(place / "instruments.csv")["name"].tolist() == ["名,称"]


def test_what_is_there_is_never_overwritten(there: Bench) -> None:
    go(there, "a.duckdb")
    before = (there.data_dir / "exports" / "a.duckdb").read_bytes()
    with pytest.raises(AlreadyExists, match=r"exports/a\.duckdb is there already"):
        go(there, "a.duckdb", form="csv")
    assert (there.data_dir / "exports" / "a.duckdb").read_bytes() == before


@pytest.mark.parametrize("form", ["duckdb", "parquet", "csv"])
def test_one_that_fails_leaves_nothing(there: Bench, monkeypatch: pytest.MonkeyPatch, form: Any) -> None:
    real = export._months

    def torn(*arguments: Any) -> Any:
        yield next(real(*arguments))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_months", torn)
    with pytest.raises(OSError, match="No space left"):
        go(there, "torn", form=form)
    assert list((there.data_dir / "exports").iterdir()) == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"name": "../a"}, "cannot be a file's name"),
        ({"name": ".hidden"}, "cannot be a file's name"),
        ({"name": "a", "datasets": ["score"]}, "there is no dataset 'score'; did you mean 'scores'"),
        ({"name": "a", "symbols": ["600009.XSHG"]}, "there is no instrument '600009.XSHG'; did you mean"),
        ({"name": "a", "start_date": DAYS[2], "end_date": DAYS[1]}, "lies before start_date"),
    ],
)
def test_what_cannot_be_exported_is_told(there: Bench, params: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        go(there, **params)
