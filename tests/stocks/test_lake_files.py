"""Files: immutable, whole or not there, named after their rows."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.definitions.lake import FileFacts
from app.stocks import dictionary
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.parquet import ROWS_PER_GROUP, Sink
from app.stocks.lake.rows import conform, plain, split
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars, pick

BARS = dictionary.get("daily_bars")


def paths(files: list[FileFacts]) -> list[str]:
    return [file["path"] for file in files]


def test_the_same_rows_stage_nothing_the_second_time(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    lake = host.lake()
    lake.stage("daily_bars", bars())
    assert host.publish(lake) == "published"
    before = sorted(tmp_path.rglob("*.parquet"))
    again = host.lake()
    again.stage("daily_bars", bars())
    again.stage("daily_bars", pick(bars(), "600001.XSHG"))
    assert again.staged() == []
    assert host.publish(again) == "unchanged"
    assert sorted(tmp_path.rglob("*.parquet")) == before


def test_a_change_and_its_reversal_unstage_the_month(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    first = host.lake()
    first.stage("daily_bars", bars())
    host.publish(first)
    lake = host.lake()
    row = bars().head(1)
    lake.stage("daily_bars", row.assign(close=99.0))
    assert len(lake.staged()) == 1
    lake.stage("daily_bars", row)
    assert lake.staged() == []


def test_only_touched_months_are_written(tmp_path: Path) -> None:
    host = MemoryHost(tmp_path)
    lake = host.lake()
    lake.stage("daily_bars", bars())
    host.publish(lake)
    later = host.lake()
    later.stage("daily_bars", pick(bars(), day=DAYS[30]).assign(close=99.0))
    assert [file["partition"] for file in later.staged()] == [f"{DAYS[30]:%Y-%m}"]


def test_rows_have_one_name_however_they_were_staged(tmp_path: Path) -> None:
    frame = bars(symbols=5)
    whole, by_symbol, by_day = (MemoryHost(tmp_path / name).lake() for name in ("whole", "symbol", "day"))
    whole.stage("daily_bars", frame)
    for _, part in frame.groupby("order_book_id"):
        by_symbol.stage("daily_bars", part)
    for _, part in reversed(list(frame.groupby("trade_date"))[:25]):
        by_day.stage("daily_bars", part)
    with MemoryHost(tmp_path / "blocks").lake().writer("daily_bars") as writer:
        for _, part in frame.groupby("order_book_id"):
            writer.append(split(BARS, conform(BARS, part)))
    assert paths(whole.staged()) == paths(by_symbol.staged())
    assert paths(whole.staged())[0] == paths(by_day.staged())[0]
    assert sorted(path.name for path in (tmp_path / "blocks").rglob("*.parquet")) == sorted(
        path.rpartition("/")[2] for path in paths(whole.staged())
    )


def test_many_rows_have_one_name_in_one_piece_or_in_many(tmp_path: Path) -> None:
    rows = conform(BARS, bars(symbols=1))
    ids = [f"{number:06}.XSHE" for number in range(400)]
    everyone = pa.concat_tables(
        rows.set_column(0, rows.schema.field(0), pa.array([symbol] * len(rows)).dictionary_encode()) for symbol in ids
    ).combine_chunks()
    assert len(everyone) > 3 * ROWS_PER_GROUP
    names = []
    for size in (len(everyone), 1000, ROWS_PER_GROUP, 2 * ROWS_PER_GROUP - 1):
        sink = Sink(tmp_path, BARS, "2024-01")
        for start in range(0, len(everyone), size):
            sink.append(everyone.slice(start, size))
        names.append(sink.finish()["path"])
    assert len(set(names)) == 1
    groups = pq.read_metadata(tmp_path / names[0])
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups - 1)] == [ROWS_PER_GROUP] * (
        len(everyone) // ROWS_PER_GROUP
    )
    cursor = Cursor(tmp_path / names[0], BARS)
    pieces = [cursor.take(symbol) for symbol in (ids[0], ids[100], ids[101], ids[399])]
    assert [len(piece) for piece in pieces] == [len(rows) * count for count in (1, 100, 1, 298)]
    assert plain(BARS, pa.concat_tables(pieces)).equals(plain(BARS, everyone))


def test_a_null_and_a_zero_give_different_names(tmp_path: Path) -> None:
    names = set()
    for value in (None, 0.0, 1.0):
        lake = MemoryHost(tmp_path / str(value)).lake()
        lake.stage("daily_bars", bars(symbols=1).head(3).assign(turnover_rate=value))
        names |= set(paths(lake.staged()))
    assert len(names) == 3


def test_a_file_is_read_only_and_nothing_else_is_left(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    for file in lake.staged():
        assert stat.S_IMODE((lake.folder / file["path"]).stat().st_mode) == 0o444
    assert list((lake.folder / ".tmp").iterdir()) == []


def test_an_error_in_the_middle_of_wide_work_leaves_nothing(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    part = split(BARS, conform(BARS, bars(symbols=2)))

    def blocks() -> None:
        with lake.writer("daily_bars") as writer:
            writer.append(part)
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        blocks()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert lake.staged() == []


def test_a_kill_before_the_rename_leaves_nothing_that_a_reader_sees(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from app.stocks.lake import parquet
        from tests.stocks.lake_host import MemoryHost
        from tests.stocks.market import bars

        real = parquet.sync

        def sync(path):
            real(path)
            if ".tmp" in str(path) and path.name.startswith("daily_bars-2024-03"):
                os.kill(os.getpid(), signal.SIGKILL)

        parquet.sync = sync
        MemoryHost(Path(sys.argv[1])).lake().stage("daily_bars", bars())
        """
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    assert done.returncode == -signal.SIGKILL
    seen = [path for path in (tmp_path / "lake").glob("*/*.parquet") if path.parent.name != ".tmp"]
    assert not [path for path in seen if "2024-03" in path.name]
    for path in seen:
        assert len(pq.read_table(path)) > 0
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    assert len(lake.read("daily_bars")) == len(bars())


def test_a_read_opens_only_what_can_hold_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    opened: list[str] = []
    real = Cursor.__init__

    def note(self: Cursor, path: Path, *arguments: object) -> None:
        opened.append(path.name[:7])
        real(self, path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Cursor, "__init__", note)
    start, end = date(2024, 2, 10), date(2024, 3, 10)
    rows = lake.read("daily_bars", columns=["close", "trade_date"], start=start, end=end, symbols=["600001.XSHG", "none"])
    assert opened == ["2024-02", "2024-03"]
    assert rows.column_names == ["trade_date", "close"]
    assert rows.column("trade_date").to_pylist() == [day for day in DAYS if start <= day <= end]


def test_what_is_read_is_sorted_by_key_over_all_months(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    rows = lake.read("daily_bars").select(["order_book_id", "trade_date"]).to_pylist()
    assert [(row["order_book_id"], row["trade_date"]) for row in rows] == sorted(
        (row.order_book_id, row.trade_date) for row in bars().itertuples()
    )


def test_an_empty_dataset_has_its_columns(tmp_path: Path) -> None:
    assert MemoryHost(tmp_path).lake().read("scores").schema.equals(dictionary.get("scores").arrow)


def test_an_unknown_dataset_or_column_is_named(tmp_path: Path) -> None:
    lake = MemoryHost(tmp_path).lake()
    with pytest.raises(ValueError, match="no dataset 'daily_bar'; did you mean 'daily_bars'"):
        lake.read("daily_bar")
    with pytest.raises(ValueError, match="has no column 'clsoe'; did you mean 'close'"):
        lake.read("daily_bars", columns=["clsoe"])
    with pytest.raises(ValueError, match="has no column 'order_book_id'"):
        lake.read("trading_calendar", symbols=["600000.XSHG"])
