"""A file that cannot be taken is told by name, column and row, with what to do."""

from datetime import date
from pathlib import Path

import pytest

from app.stocks.sources import Unavailable
from app.stocks.sources.files import Files
from tests.stocks.bar_files import Row, row, write

ALWAYS = (date(1990, 1, 1), date(2030, 1, 1))


def refused(path: Path, sessions: list[date]) -> Unavailable:
    source = Files(str(path), sessions)
    answer = source.health()
    assert isinstance(answer, Unavailable)
    assert source.daily_bars(None, *ALWAYS) == answer
    assert answer.reason == "bad_request"
    assert str(path.name) in answer.detail
    return answer


@pytest.mark.parametrize(
    ("suffix", "rows", "words"),
    [
        (".csv", [row(), row("2026-01-06", close="ten")], "column 'close', row 2: 'ten' is no number"),
        (".csv", [row(volume="1,000")], "column 'volume', row 1: '1,000' is no number"),
        (".csv", [row("2026-02-30")], "column 'trade_date', row 1: '2026-02-30' is no day"),
        (".csv", [row(), row("yesterday")], "column 'trade_date', row 2: 'yesterday' is no day"),
        (".csv", [row(None)], "column 'trade_date', row 1: '' is no day"),  # type: ignore[arg-type]
        (".csv", [row(one="AAPL")], "column 'order_book_id', row 1: 'AAPL' is no id of an A-share"),
        (".csv", [row(one="600001.SIM")], "'600001.SIM' is no id of an A-share"),
        (".csv", [row(volume=10.5)], "column 'volume', row 1: 10.5 is no whole number of shares"),
        (".csv", [row(is_st="perhaps")], "column 'is_st', row 1: 'perhaps' is neither true nor false"),
        (".parquet", [row(close=True)], "column 'close': holds bool, but numbers are needed"),
        (".parquet", [row(one=600000)], "column 'order_book_id': holds int64, but ids are text"),  # type: ignore[arg-type]
        (".parquet", [row(1767571200)], "column 'trade_date', row 1: 1767571200 is no day"),  # type: ignore[arg-type]
        (".parquet", [row([1])], "column 'trade_date': holds list"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_cannot_be_read_is_told_by_column_and_row(
    tmp_path: Path, sessions: list[date], suffix: str, rows: list[Row], words: str
) -> None:
    assert words in refused(write(tmp_path / f"bars{suffix}", rows), sessions).detail


def test_the_vendor_s_own_column_name_is_told(tmp_path: Path, sessions: list[date]) -> None:
    path = write(tmp_path / "bars.csv", [row(prev_close="x")], prev_close="pre_close")
    assert "column 'pre_close', row 1: 'x' is no number" in refused(path, sessions).detail


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_columns_are_told_with_their_other_names(tmp_path: Path, sessions: list[date], suffix: str) -> None:
    given = row()
    del given["volume"], given["trade_date"]
    answer = refused(write(tmp_path / f"bars{suffix}", [given]), sessions)
    assert "lacks trade_date (or date, datetime, trade_time); volume (or vol); it has order_book_id, open" in answer.detail
    assert "docs/file-source.md" in answer.hint


def test_a_truncated_file_is_told(tmp_path: Path, sessions: list[date]) -> None:
    path = write(tmp_path / "bars.parquet", [row()])
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 3, 0):
        path.write_bytes(whole[:length])
        answer = refused(path, sessions)
        assert "is not a whole Parquet file" in answer.detail
        assert "copied" in answer.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"order_book_id,trade_date,open,high,low,close,volume\n", "has no rows"),
        (b"order_book_id,trade_date,open,high,low,close,volume\n600000.SH,2026-01-05,1,1,1\n", "is not a whole CSV file"),
        ("证券代码,日期\n".encode("gb18030"), "is not UTF-8 text"),
        (
            b"order_book_id,trade_date,open,high,low,close,close,volume\n600000.SH,2026-01-05,1,1,1,1,1,1\n",
            "column 'close': stands there twice",
        ),
    ],
)
def test_a_broken_csv_is_told(tmp_path: Path, sessions: list[date], content: bytes, words: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(content)
    assert words in refused(path, sessions).detail


@pytest.mark.parametrize("header", ["order_book_id,trade_date,open,high,low,close,volume,name", "证券代码,日期"])
def test_a_csv_in_gb18030_is_refused_with_what_converts_it(tmp_path: Path, sessions: list[date], header: str) -> None:
    path = tmp_path / "行情.csv"
    path.write_bytes(f"{header}\n600000.SH,2026-01-05,1,1,1,1,100,浦发银行\n".encode("gb18030"))
    answer = refused(path, sessions)
    assert "UTF" in answer.detail
    assert "iconv -f gb18030 -t utf-8" in answer.hint


def test_a_place_without_files_is_told(tmp_path: Path, sessions: list[date]) -> None:
    assert "there is no such file" in refused(tmp_path / "nothing.parquet", sessions).detail
    assert "no Parquet or CSV file is there" in refused(tmp_path, sessions).detail
