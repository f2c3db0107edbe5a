"""Rows of a dataset in pages: all of them, once, in order, whatever a page's size; and what their bytes say."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from app.definitions.encoded import Encoded
from app.errors import Invalid, NotFound
from app.stocks import dictionary, queries
from app.stocks.encoding import encode
from app.stocks.lake.page import Choice, page
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars


@pytest.fixture(autouse=True)
def several_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are built as large ones are."""
    monkeypatch.setattr("app.stocks.lake.parquet.ROWS_PER_GROUP", 32)


@pytest.fixture
def host(tmp_path: Path) -> MemoryHost:
    made = MemoryHost(tmp_path)
    lake = made.lake()
    lake.stage("daily_bars", bars())
    ids = sorted(set(bars()["order_book_id"]))
    first = DAYS[0]
    lake.stage("instruments", pd.DataFrame({"order_book_id": ids, "valid_from": first, "source": "test"}))
    made.publish(lake)
    return made


def ask(host: MemoryHost, **params: Any) -> Encoded:
    context = SimpleNamespace(lake_at=lambda number: host.lake())
    given = {"dataset": "daily_bars", "snapshot": 1, "form": "arrow", "limit": 100_000, "whole": True} | params
    answer: Encoded = queries.dataset_page(context, **given)
    return answer


def table(answer: Encoded) -> pa.Table:
    return pa.ipc.open_stream(answer.content).read_all()


def everything(host: MemoryHost, **params: Any) -> tuple[pa.Table, int]:
    """All pages as one table, and how many they were."""
    pages, after = [], None
    while not pages or after is not None:
        answer = ask(host, after=after, **params)
        pages.append(table(answer))
        after = answer.facts["after"]
        assert answer.facts["rows"] == pages[-1].num_rows <= params["limit"]
    return pa.concat_tables(pages), len(pages)


@pytest.mark.parametrize("limit", [1, 7, 32, 33, 10_000])
def test_pages_of_any_size_are_the_dataset(host: MemoryHost, limit: int) -> None:
    choice: dict[str, Any] = {"start_date": DAYS[5], "end_date": DAYS[12]} if limit == 1 else {}
    found, count = everything(host, limit=limit, columns=["order_book_id", "trade_date", "close"], **choice)
    columns = ["order_book_id", "trade_date", "close"]
    whole = host.lake().read("daily_bars", columns=columns, start=choice.get("start_date"), end=choice.get("end_date"))
    assert found.sort_by([("order_book_id", "ascending"), ("trade_date", "ascending")]).equals(whole)
    assert count == max(1, -(-len(whole) // limit))
    month = pc.strftime(found.column("trade_date"), "%Y-%m")
    ordered = found.append_column("month", month).sort_by(
        [("month", "ascending"), ("order_book_id", "ascending"), ("trade_date", "ascending")]
    )
    assert found.equals(ordered.drop_columns("month"))


def test_a_page_whose_time_is_up_is_followed_by_the_rest(host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "READ_SECONDS", -1)
    found, count = everything(host, limit=10_000, symbols=["600004"])
    assert found.num_rows == 80
    assert count > 7


def test_a_choice_reads_what_was_chosen(host: MemoryHost) -> None:
    found = table(
        ask(host, columns=["close", "trade_date"], symbols=["sh600000", "600001.SH"], start_date=DAYS[3], end_date=DAYS[4])
    )
    assert (found.num_rows, found.column_names) == (4, ["trade_date", "close"])
    assert ask(host, dataset="scores").facts == {"rows": 0, "after": None}
    assert table(ask(host, dataset="instruments", columns=["order_book_id"])).num_rows == 6


@pytest.mark.parametrize("adjust", ["pre", "post"])
def test_adjusted_rows_are_those_of_the_views_to_the_bit(host: MemoryHost, tmp_path: Path, adjust: Any) -> None:
    found = table(ask(host, adjust=adjust)).sort_by([("order_book_id", "ascending"), ("trade_date", "ascending")])
    with duckdb.connect(str(tmp_path / "market.duckdb"), read_only=True) as connection:
        view = connection.sql(f"SELECT * FROM daily_bars_{adjust} ORDER BY order_book_id, trade_date").to_arrow_table()
    assert found.num_rows == len(bars())
    assert found.equals(view.cast(found.schema))
    narrow = table(ask(host, adjust=adjust, columns=["close"], symbols=["600002"]))
    assert narrow.column_names == ["close"]
    assert (
        narrow.column("close").to_pylist() == found.filter(pc.equal(found["order_book_id"], "600002.XSHG"))["close"].to_pylist()
    )


@pytest.mark.parametrize(
    ("params", "pointer", "words"),
    [
        ({"columns": ["clse"]}, "/query/columns", "has no column 'clse'; did you mean 'close'"),
        ({"symbols": ["600009"]}, "/query/symbols", "there is no instrument '600009.XSHG'; did you mean '60000"),
        ({"start_date": DAYS[9], "end_date": DAYS[1]}, "/query/end_date", "lies before start_date"),
        ({"dataset": "instruments", "end_date": DAYS[1]}, "/query/end_date", "has no trade_date"),
        ({"dataset": "trading_calendar", "symbols": ["600000"]}, "/query/symbols", "has no order_book_id"),
        ({"dataset": "scores", "adjust": "pre"}, "/query/adjust", "is of 'daily_bars' alone"),
        ({"after": {"partition": "2024-01", "key": ["600000.XSHG", "yesterday"]}}, "/query/cursor", "is no place"),
        ({"after": {"partition": "2024-01", "key": ["600000.XSHG"]}}, "/query/cursor", "is no place"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_place(host: MemoryHost, params: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(host, **params)
    (fault,) = refused.value.faults
    assert fault.pointer == pointer
    assert words in fault.message


def test_an_unknown_dataset_is_told_with_the_nearest(host: MemoryHost) -> None:
    with pytest.raises(NotFound, match="There is no dataset 'daily_bar'; did you mean 'daily_bars'"):
        ask(host, dataset="daily_bar")


def test_every_form_says_the_same_and_null_where_a_number_is_none() -> None:
    nan = float("nan")
    rows = pa.table({"order_book_id": ['6"0', None], "trade_date": pa.array([DAYS[0]] * 2), "x": [nan, 1e-7], "n": [None, 3]})
    clean = [{**one, "x": None if one["x"] != one["x"] else one["x"]} for one in rows.to_pylist()]
    assert json.loads(encode(rows, "json")) == [{**one, "trade_date": DAYS[0].isoformat()} for one in clean]
    assert pa.ipc.open_stream(encode(rows, "arrow")).read_all().to_pylist() == clean
    assert pq.read_table(io.BytesIO(encode(rows, "parquet"))).to_pylist() == clean
    assert encode(rows, "csv").decode().splitlines() == [
        "order_book_id,trade_date,x,n",
        f'"6""0",{DAYS[0]},,',
        f",{DAYS[0]},1e-7,3",
    ]


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_parts_follow_each_other_as_one_stream(host: MemoryHost, form: Any) -> None:
    parts, after = [], None
    while not parts or after is not None:
        answer = ask(host, form=form, whole=False, limit=100, after=after)
        parts.append(answer.content)
        after = answer.facts["after"]
    joined = io.BytesIO(b"".join(parts))
    found = pa.ipc.open_stream(joined).read_all() if form == "arrow" else pacsv.read_csv(joined)
    assert len(parts) > 5
    assert found.num_rows == len(bars())
    assert found.column_names == list(dictionary.get("daily_bars").names)


def test_no_page_reads_behind_what_is_asked_of_it(host: MemoryHost) -> None:
    lake = host.lake()
    files = lake.files("daily_bars")
    (lake.folder / files[-1]["path"]).unlink()
    found = page(lake.folder, dictionary.get("daily_bars"), files, ["close"], Choice(), limit=50, seconds=60)
    assert found.rows.num_rows == 50
    assert found.after is not None
