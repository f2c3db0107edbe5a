"""What readers see: one snapshot, whole, through Parquet and DuckDB, while runs publish and after the data dir moved."""

import json
import stat
import threading
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from app.definitions.lake import SnapshotState
from app.stocks import dictionary
from app.stocks.lake import views
from app.stocks.lake.views import reveal, shown
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import bars


@pytest.fixture(autouse=True)
def several_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are built as large ones are."""
    monkeypatch.setattr("app.stocks.lake.parquet.ROWS_PER_GROUP", 32)


def ask(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(data_dir / "market.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def publish(host: MemoryHost, close: float, symbols: int = 3) -> SnapshotState:
    """Every bar of every dataset says the same number, so that a mixture would be seen."""
    lake = host.lake()
    frame = bars(symbols=symbols).assign(close=close)
    lake.stage("daily_bars", frame)
    ids = frame[["order_book_id", "trade_date"]]
    lake.stage("scores", ids.assign(score=close, factors=3))
    lake.stage("instruments", pd.DataFrame({"order_book_id": ["600000.XSHG"], "valid_from": [ids["trade_date"][0]],
                                            "name": [str(close)], "source": ["test"]}))  # fmt: skip
    host.publish(lake)
    return host.snapshot()


def test_parquet_and_duckdb_and_the_lake_give_the_same_rows(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    publish(host, 7.0)
    by_pandas = pd.read_parquet(tmp_path / "current" / "scores").sort_values(["order_book_id", "trade_date"])
    with duckdb.connect(str(tmp_path / "market.duckdb"), read_only=True) as connection:
        by_duckdb = connection.sql("SELECT * FROM scores ORDER BY order_book_id, trade_date").to_arrow_table()
    by_lake = host.lake().read("scores")
    assert by_duckdb.cast(by_lake.schema).equals(by_lake)
    pd.testing.assert_frame_equal(by_pandas.reset_index(drop=True), by_lake.to_pandas())


def test_readers_see_one_snapshot_whole_while_others_are_published(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    publish(host, 1.0)
    done, seen, errors = threading.Event(), set(), []

    def read() -> None:
        try:
            while not done.is_set():
                view = (tmp_path / "current").resolve()
                closes = set(pd.read_parquet(view / "daily_bars", columns=["close"])["close"])
                closes |= set(pd.read_parquet(view / "scores", columns=["score"])["score"])
                found = ask(
                    tmp_path,
                    "SELECT close FROM daily_bars UNION SELECT score FROM scores UNION SELECT name::DOUBLE FROM instruments",
                )
                if len(closes) != 1 or len(found) != 1:
                    errors.append((closes, found))
                seen.update(closes)
        except Exception as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(2, 12):
        publish(host, float(number))
    done.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert len(seen) > 1
    assert seen <= {float(number) for number in range(1, 12)}


def test_an_old_reader_keeps_its_snapshot(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    publish(host, 1.0)
    view = (tmp_path / "current").resolve()
    with duckdb.connect(str(tmp_path / "market.duckdb"), read_only=True) as connection:
        publish(host, 2.0)
        assert connection.execute("SELECT DISTINCT close FROM daily_bars").fetchall() == [(1.0,)]
    assert set(pd.read_parquet(view / "daily_bars")["close"]) == {1.0}
    assert ask(tmp_path, "SELECT DISTINCT close FROM daily_bars") == [(2.0,)]


def test_current_never_goes_back(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    first, second = publish(host, 1.0), publish(host, 2.0)
    reveal(tmp_path, first)
    assert shown(tmp_path) == second["snapshot"] == 2
    assert ask(tmp_path, "SELECT DISTINCT close FROM daily_bars") == [(2.0,)]


def test_publishers_that_reveal_out_of_order_leave_the_newest_on_top(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    states = [publish(host, float(number)) for number in range(1, 7)]
    other = tmp_path / "other"
    (other / "lake").parent.mkdir()
    (tmp_path / "lake").rename(other / "lake")
    threads = [threading.Thread(target=reveal, args=(other, state)) for state in reversed(states)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown(other) == 6
    assert sorted(path.name for path in (other / "views").iterdir()) == [".lock", *"123456"]


def test_a_moved_data_dir_is_read_at_its_new_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    host = MemoryHost(old)
    state = publish(host, 3.0)
    old.rename(new)
    assert set(pd.read_parquet(new / "current" / "scores")["score"]) == {3.0}
    reveal(new, state)
    assert ask(new, "SELECT DISTINCT close FROM daily_bars_post WHERE order_book_id = '600000.XSHG'") == [(3.0,)]
    written = (new / "current" / "market.duckdb").stat().st_mtime_ns
    reveal(new, state)
    assert (new / "current" / "market.duckdb").stat().st_mtime_ns == written


def test_half_a_view_is_made_whole(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    state = publish(host, 3.0)
    for path in ("snapshot.json", "market.duckdb", "scores/2024-03.parquet"):
        (tmp_path / "views" / "1" / path).unlink()
    (tmp_path / "current").unlink()
    reveal(tmp_path, state)
    assert len(pd.read_parquet(tmp_path / "current" / "scores")) == state["datasets"]["scores"]["rows"]
    assert ask(tmp_path, "SELECT count(*) FROM scores") == [(state["datasets"]["scores"]["rows"],)]


def test_the_view_of_a_database_that_was_set_back_is_made_anew(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    publish(host, 1.0)
    publish(host, 2.0)
    del host.states[-1]
    publish(host, 5.0)
    assert shown(tmp_path) == 2
    assert set(pd.read_parquet(tmp_path / "current" / "scores")["score"]) == {5.0}
    assert ask(tmp_path, "SELECT DISTINCT close FROM daily_bars") == [(5.0,)]


def test_a_view_that_cannot_be_made_does_not_undo_the_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = MemoryHost(tmp_path)
    publish(host, 1.0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(views, "build", full)
        state = publish(host, 2.0)
    assert "its view could not be made" in caplog.text
    assert ask(tmp_path, "SELECT DISTINCT close FROM daily_bars") == [(1.0,)]
    assert [path.name for path in (tmp_path / "views").iterdir() if path.name.endswith(".tmp")] == []
    reveal(tmp_path, state)
    assert ask(tmp_path, "SELECT DISTINCT close FROM daily_bars") == [(2.0,)]


def test_a_reader_finds_only_data_in_a_datasets_folder(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    publish(host, 1.0)
    names = [path.name for path in (tmp_path / "current" / "scores").iterdir()]
    assert names
    assert all(name[:2] == "20" and name.endswith(".parquet") for name in names)
    assert stat.S_IMODE((tmp_path / "market.duckdb").stat().st_mode) == 0o444


def test_every_dataset_can_be_read_from_the_first_publication_on(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    state = publish(host, 1.0)
    for spec in dictionary.DATASETS.values():
        frame = pd.read_parquet(tmp_path / "current" / spec.name)
        assert tuple(frame.columns) == spec.names
        assert frame.empty == (spec.name not in state["datasets"])
    lake = host.lake()
    lake.stage("indicators", bars(symbols=1)[["order_book_id", "trade_date"]])
    host.publish(lake)
    assert not (tmp_path / "current" / "indicators" / "empty.parquet").exists()
    assert len(pd.read_parquet(tmp_path / "current" / "indicators")) == len(bars(symbols=1))


def test_columns_say_what_they_mean_and_metadata_what_there_is(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    lake = host.lake()
    lake.stage("daily_bars", bars())
    lake.note("daily_bars", quality=0.75, adjusted=True, made_from={"deep": 1})
    host.publish(lake)
    comments = dict(ask(tmp_path, "SELECT table_name || '.' || column_name, comment FROM duckdb_columns()"))
    for spec in dictionary.DATASETS.values():
        for column in spec.columns:
            assert comments[f"{spec.name}.{column.name}"] == column.comment
    assert "前收盘价" in str(comments["daily_bars_pre.prev_close"])
    found = ask(tmp_path, "SELECT snapshot, dataset, version, rows, first_date, last_date, quality, facts FROM metadata")
    days = bars()["trade_date"]
    assert found == [(1, "daily_bars", 1, len(bars()), days.min(), days.max(), 0.75, json.dumps({"adjusted": True}))]
    assert ask(tmp_path, "SELECT count(*) FROM indicators") == [(0,)]


def test_adjusted_views(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    lake = host.lake()
    frame = bars()
    lake.stage("daily_bars", frame)
    ids = frame[["order_book_id", "trade_date"]]
    lake.stage("indicators", ids.assign(ma5=10.0, macd_hist=1.5, rsi6=50.0, obv_20d=100.0))
    host.publish(lake)
    rows = frame[frame["order_book_id"] == "600002.XSHG"].reset_index(drop=True)
    for view, factor, split in (
        ("daily_bars_post", rows["adj_factor"], rows["split_factor"]),
        ("daily_bars_pre", rows["adj_factor"] / 2, rows["split_factor"] / 2),
    ):
        found = ask(
            tmp_path, f"SELECT close, volume, turnover_rate FROM {view} WHERE order_book_id = '600002.XSHG' ORDER BY trade_date"
        )
        expected = list(zip(rows["close"] * factor, rows["volume"] / split, rows["turnover_rate"], strict=True))
        assert found == [pytest.approx(row) for row in expected]
    columns = "ma5, macd_bar, rsi6, obv_20d"
    for symbol, values in (
        ("600001", (10 / 1.05, 3 / 1.05, 50, 100)),
        ("600002", (5, 1.5, 50, 200)),
        ("600005", (10, 3, 50, 100)),
    ):
        found = ask(tmp_path, f"SELECT DISTINCT {columns} FROM indicators_pre WHERE order_book_id = '{symbol}.XSHG'")
        assert found == [pytest.approx(values)]
