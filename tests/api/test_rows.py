"""GET /datasets/{name} and /datasets/{name}/data: what is asked for, of one snapshot, in every form; or what is wrong with it."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from app.api import rows
from app.stocks import queries
from app.store import lake
from tests.api.answering import Answering
from tests.api.conftest import House
from tests.stocks.market import DAYS, bars

FORMS = {"csv": pacsv.read_csv, "arrow": lambda data: pa.ipc.open_stream(data).read_all(), "parquet": pq.read_table}


@pytest.fixture
def asked(house: House, tmp_path: Path) -> Answering:
    house.plant()
    house.worker()
    house.manager.queries = Answering(house.database, tmp_path)
    return house.manager.queries


@pytest.fixture
def data(house: House, asked: Answering, tmp_path: Path) -> TestClient:
    """A viewer over one publication of bars."""
    publish(house, asked, tmp_path)
    return house.client("viewer")


def publish(house: House, asked: Answering, data_dir: Path, close: float | None = None) -> None:
    house.manager.run_job("j")
    fence = house.claim()
    staging = asked.lake_at()
    frame = bars(symbols=3)
    staging.stage("daily_bars", frame if close is None else frame.assign(close=close))
    house.database.write(lambda connection: lake.publish(connection, fence, "b", staging.publication()))
    house.end(fence, "a", "b")


def test_a_dataset_comes_with_its_meaning_and_its_months(data: TestClient) -> None:
    found = data.get("/datasets/daily_bars").json()
    (close,) = [column for column in found["dictionary"]["columns"] if column["name"] == "close"]
    assert (close["unit"], close["meaning_zh"]) == ("CNY", "收盘价")
    assert found["dictionary"]["key"] == ["order_book_id", "trade_date"]
    assert sum(month["rows"] for month in found["coverage"]) == found["rows"] == 450
    assert found["coverage"][0] | {"bytes": 0} == {
        "partition": "2024-01", "rows": 66, "bytes": 0, "min_date": "2024-01-02", "max_date": "2024-01-31",
    }  # fmt: skip
    assert data.get("/datasets/quarantine").json()["version"] == 0
    refused = data.get("/datasets/daily_barz")
    assert refused.status_code == 404
    assert "did you mean 'daily_bars'" in refused.json()["detail"]


def test_json_comes_in_pages_of_one_snapshot(data: TestClient, house: House, asked: Answering, tmp_path: Path) -> None:
    page = data.get("/datasets/daily_bars/data", params={"symbols": "600001", "columns": "trade_date,close", "limit": 60}).json()
    assert (len(page["items"]), page["snapshot"], set(page["items"][0])) == (60, 1, {"trade_date", "close"})
    publish(house, asked, tmp_path, close=1.0)
    days = [row["trade_date"] for row in page["items"]]
    while page["next_cursor"]:
        params = {"symbols": "600001", "columns": "trade_date,close", "limit": 60, "cursor": page["next_cursor"]}
        page = data.get("/datasets/daily_bars/data", params=params).json()
        assert page["snapshot"] == 1
        assert 1.0 not in [row["close"] for row in page["items"]]
        days += [row["trade_date"] for row in page["items"]]
    assert days == [day.isoformat() for day in DAYS]
    assert len(data.get("/datasets/daily_bars/data").json()["items"]) == 100
    assert data.get("/datasets/scores/data").json() == {"items": [], "snapshot": 2, "next_cursor": None}
    (row,) = data.get("/datasets/daily_bars/data?snapshot=1&limit=1").json()["items"]
    assert row["close"] != 1.0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by_header", [True, False])
def test_all_rows_in_every_form(data: TestClient, form: str, by_header: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if form != "parquet":
        monkeypatch.setitem(queries._CELLS, form, 17 * 40)
    answer = data.get(
        "/datasets/daily_bars/data",
        params={} if by_header else {"format": form},
        headers={"Accept": f"text/html, {rows.MEDIA[form]};q=0.9" if by_header else "*/*"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, rows.MEDIA[form])
    assert answer.headers["openbell-snapshot"] == "1"
    assert answer.headers["content-disposition"] == f'attachment; filename="daily_bars.{form}"'
    table = FORMS[form](io.BytesIO(answer.content))
    assert (table.num_rows, len(table.column_names)) == (450, 17)
    assert table.column("close").to_pylist()[0] == pytest.approx(bars(symbols=3)["close"][0])


def test_a_parquet_file_that_would_not_hold_all_rows_is_refused_not_cut(
    data: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_MOST_ROWS", 100)
    refused = data.get("/datasets/daily_bars/data?format=parquet")
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    page = data.get("/datasets/daily_bars/data?format=parquet&limit=449")
    assert pq.read_table(io.BytesIO(page.content)).num_rows == 449
    rest = data.get("/datasets/daily_bars/data", params={"format": "parquet", "cursor": page.headers["openbell-next-cursor"]})
    assert pq.read_table(io.BytesIO(rest.content)).num_rows == 1
    assert "openbell-next-cursor" not in rest.headers


BAD: list[tuple[str, int, str, str]] = [
    ("columns=clse", 422, "/query/columns", "did you mean 'close'"),
    ("start_date=20.11.2026", 422, "/query/start_date", "must be a date"),
    ("start_date=2026-01-02&end_date=2026-01-01", 422, "/query/end_date", "lies before start_date"),
    ("format=xlsx", 422, "/query/format", "'csv'"),
    ("adjust=forward", 422, "/query/adjust", "'pre'"),
    ("limit=0", 422, "/query/limit", "1"),
    ("columns=,", 422, "/query/columns", "names no column"),
    ("cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5LCIyMDI2LTExIiwiYSIsIjIwMjYtMTEtMjAiXQ==", 422, "/query/cursor", "is no cursor"),
    ("cursor=W3RydWUsIjIwMjYtMTEiLCJhIiwiMjAyNi0xMS0yMCJd", 422, "/query/cursor", "is no cursor"),
    ("cursor=x", 422, "/query/cursor", "is no cursor"),
    ("cursor=WzEsICIyMDI0LTAxIl0=", 422, "/query/cursor", "is no place in 'daily_bars'"),
    ("cursor=WzEsICIyMDI0LTAxIiwgImEiLCAiMjAyNC0wMS0wMiJd&snapshot=2", 422, "/query/cursor", "belongs to snapshot 1"),
    ("start=2026-01-02", 422, "/query/start", "did you mean 'start_date'"),
    ("symbols=%00", 422, "/query/symbols", "NUL"),
]


def test_what_cannot_be_asked_is_told_with_its_place(data: TestClient) -> None:
    wrong = []
    for query, status, pointer, words in BAD:
        answer = data.get(f"/datasets/daily_bars/data?{query}")
        told = [fault for fault in answer.json()["errors"] if fault["pointer"] == pointer and words in fault["message"]]
        if answer.status_code != status or not told:
            wrong.append((query, answer.status_code, answer.json()))
    assert wrong == []
    assert data.get("/datasets/nothing/data").status_code == 404
    assert data.get("/datasets/daily_bars/data?snapshot=9").json()["detail"] == "There is no snapshot 9."


def test_more_readers_than_places_are_told_to_come_again(data: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_PLACES", rows.threading.BoundedSemaphore(1))
    for _ in range(3):
        assert data.get("/datasets/daily_bars/data?format=csv").status_code == 200
        assert data.get("/datasets/daily_bars/data?columns=x").status_code == 422
        assert data.get("/datasets/daily_bars/data").status_code == 200
    rows._PLACES.acquire()
    refused = data.get("/datasets/daily_bars/data")
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "too_many_readers", "2")


def test_a_stream_that_cannot_go_on_ends_without_its_end(
    data: TestClient, asked: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client must not take half of the rows for all."""
    monkeypatch.setitem(queries._CELLS, "csv", 17 * 100)
    ask = asked.ask

    def lost(name: str, params: dict[str, Any], timeout: float = 5) -> Any:
        if params.get("after"):
            raise OSError("the child is gone")
        return ask(name, params, timeout)

    monkeypatch.setattr(asked, "ask", lost)
    with pytest.raises(OSError, match="the child is gone"):
        data.get("/datasets/daily_bars/data?format=csv")
