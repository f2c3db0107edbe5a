"""Bars from files: vendors' names and units come out canonical."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from app.stocks import dictionary
from app.stocks.ids import canonical
from app.stocks.sources import Data, Empty, Health
from app.stocks.sources.files import Files, aliases
from tests.stocks.bar_files import Row, row, write

ALWAYS = (date(1990, 1, 1), date(2030, 1, 1))


@pytest.fixture
def read(tmp_path: Path, sessions: list[date]) -> Any:
    """`read(rows, suffix, **renamed)`: the canonical rows that a file of them gives."""

    def take(rows: list[Row], suffix: str = ".csv", **renamed: str) -> list[Row]:
        answer = Files(str(write(tmp_path / f"bars{suffix}", rows, **renamed)), sessions).daily_bars(None, *ALWAYS)
        assert isinstance(answer, Data), answer
        table: pa.Table = answer.table
        assert table.cast(_schema(table)).num_rows == len(rows)
        return table.to_pylist()

    return take


def _schema(table: pa.Table) -> pa.Schema:
    spec = dictionary.get("daily_bars").arrow
    return pa.schema([spec.field(name) for name in table.column_names])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_canonical_columns_come_as_they_are(read: Any, suffix: str) -> None:
    prices = {"prev_close": 10.0, "limit_up": 11.0, "limit_down": 9.0}
    (made,) = read([row(**prices, total_turnover=10_050.5, turnover_rate=0.01, adj_factor=1.5, is_st=True)], suffix)
    assert made == {
        "order_book_id": "600000.XSHG", "trade_date": date(2026, 1, 5), "open": 10.0, "high": 10.2, "low": 9.9, "close": 10.1,
        "prev_close": 10.0, "volume": 1000, "total_turnover": 10_050.5, "turnover_rate": 0.01, "adj_factor": 1.5,
        "split_factor": None, "limit_up": 11.0, "limit_down": 9.0, "is_suspended": False, "is_st": True, "source": "files",
    }  # fmt: skip


def test_tushare_s_names_and_units(read: Any) -> None:
    given = row("20260105", "600000.SH", volume=3390015.91, amount=1884665.501, turnover_rate=1.25, pre_close=10.0)
    (made,) = read([given], order_book_id="ts_code", volume="vol")
    assert (made["volume"], made["total_turnover"], made["turnover_rate"]) == (339001591, 1884665501.0, 0.0125)
    assert (made["prev_close"], made["trade_date"], made["order_book_id"]) == (10.0, date(2026, 1, 5), "600000.XSHG")


def test_baostock_s_names_and_units(read: Any) -> None:
    traded = row("2026-01-05", "sh.600000", preclose=10.0, amount=10050.5, turn=1.25, tradestatus=1, isST=0)
    rested = row("2026-01-06", "sh.600000", preclose=10.1, amount=0, turn=None, tradestatus=0, isST=1)
    rested |= {"open": 10.1, "high": 10.1, "low": 10.1, "volume": 0}
    first, second = read([traded, rested], order_book_id="code", trade_date="date")
    assert (first["total_turnover"], first["turnover_rate"]) == (10050.5, 0.0125)
    assert (first["is_suspended"], first["is_st"]) == (False, False)
    assert (second["is_suspended"], second["is_st"], second["volume"]) == (True, True, 0)
    assert [second[name] for name in ("open", "high", "low", "close", "prev_close")] == [None] * 5


@pytest.mark.parametrize(
    "values",
    [
        {"volume": 0, "open": 10.1, "high": 10.1, "low": 10.1},
        {"volume": None, "open": None, "high": None, "low": None, "close": None},
        {"volume": 0, "open": 0, "high": 0, "low": 0},
        {"volume": 0, "is_suspended": True},
        {"volume": 0, "paused": 1},
        {"volume": 0, "trade_status": "停牌"},
    ],
)
def test_every_way_to_write_a_suspended_day(read: Any, values: Row) -> None:
    (made,) = read([row(**values)])
    assert (made["is_suspended"], made["close"], made["volume"]) == (True, None, 0)


def test_volume_outweighs_a_flag(read: Any) -> None:
    (made,) = read([row(is_suspended=True)])
    assert (made["is_suspended"], made["close"]) == (False, 10.1)


def test_vendors_words_for_no_limit_are_null(read: Any) -> None:
    first, second = read([row(up_limit=99999.99, down_limit=0), row("2026-01-06", up_limit=100000, down_limit=0.0)])
    assert (first["limit_up"], first["limit_down"]) == (second["limit_up"], second["limit_down"]) == (None, None)


def test_factors_follow_from_reference_prices(read: Any) -> None:
    days = ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08", "2026-01-12", "2026-01-13"]
    prev = [9.0, 10.1, 5.05, 10.1, 9.9, 0.5]
    made = read(
        [row(day, prev_close=price) for day, price in zip(days, prev, strict=True)]
        + [row("2026-01-07", "000001.XSHE", prev_close=3.0)]
    )
    own = [one["adj_factor"] for one in made if one["order_book_id"] == "600000.XSHG"]
    # Halved on the 7th; on the 12th a day is lost before, whose close is unknown; on the 13th the price is simply wrong.
    assert own == [1, 1, 2, 2, 2, 2]
    assert [one["adj_factor"] for one in made if one["order_book_id"] == "000001.XSHE"] == [1]


def test_without_reference_prices_there_are_no_factors(read: Any) -> None:
    assert [one["adj_factor"] for one in read([row(), row("2026-01-06")])] == [None, None]


def test_valuations_beside_the_bars_are_fundamentals(tmp_path: Path, sessions: list[date]) -> None:
    given = [row(peTTM=12.5, pbMRQ=0.8, total_mv=5e6), row("2026-01-06", peTTM=-4, pbMRQ=0), row("2026-01-07")]
    source = Files(str(write(tmp_path / "bars.csv", given, order_book_id="ts_code")), sessions)
    assert "fundamentals" in source.capabilities()
    answer = source.fundamentals(None, *ALWAYS)
    assert isinstance(answer, Data)
    first, second = answer.table.to_pylist()
    assert (first["earnings_yield"], first["book_yield"], first["market_cap"]) == (0.08, 1.25, 5e10)
    assert first["known_date"] == first["trade_date"] == date(2026, 1, 5)
    assert first["roe_ttm"] == pytest.approx(0.064)
    assert (second["earnings_yield"], second["book_yield"], second["roe_ttm"]) == (-0.25, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("600000.SH", "600000.XSHG"),
        ("sh.600000", "600000.XSHG"),
        ("SH600000", "600000.XSHG"),
        ("sh600000", "600000.XSHG"),
        ("600000.ss", "600000.XSHG"),
        ("600000", "600000.XSHG"),
        (" 000001.SZ ", "000001.XSHE"),
        ("000001", "000001.XSHE"),
        ("000001.SH", "000001.XSHG"),
        ("920819", "920819.BJSE"),
        ("430047.BJ", "920047.BJSE"),  # its code of today, which need not end like the old one
        ("831167", "920267.BJSE"),
        ("000022.SZ", "001872.XSHE"),
        ("900901", "900901.XSHG"),
        ("600000.XSHG", "600000.XSHG"),
        ("600001.SIM", None),
        ("AAPL", None),
        ("00700.HK", None),
        ("60000.SH", None),
        ("", None),
    ],
)
def test_ids_of_every_vendor(text: str, expected: str | None) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        date(2026, 1, 5),
        datetime(2026, 1, 5),  # noqa: DTZ001  (files hold naive ones)
        datetime(2026, 1, 4, 16, tzinfo=UTC),
        "2026-01-05",
        "2026/01/05",
        "20260105",
        "2026-01-05 00:00:00",
        20260105,
        20260105.0,
    ],
)
def test_days_of_every_kind(read: Any, value: Any) -> None:
    (made,) = read([row() | {"trade_date": value}], ".parquet")
    assert made["trade_date"] == date(2026, 1, 5)


def test_folders_and_globs_are_one_delivery(tmp_path: Path, sessions: list[date]) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "a.csv", [row("2026-01-05")])
    write(tmp_path / "deep" / "b.parquet", [row("2026-01-06")])
    write(tmp_path / "deep" / "c.csv", [row("2026-01-07"), row("2026-01-07", "000001.SZ")])
    (tmp_path / "readme.txt").write_text("no data")
    for pattern, rows in ((tmp_path, 4), (tmp_path / "**" / "*.csv", 3), (tmp_path / "deep" / "*", 3)):
        health = Files(str(pattern), sessions).health()
        assert isinstance(health, Health)
        assert health.detail.startswith(f"{rows} rows in ")
        assert health.ready_through == date(2026, 1, 7)


def test_questions_narrow_what_is_answered(tmp_path: Path, sessions: list[date]) -> None:
    path = write(
        tmp_path / "a.csv",
        [row("2026-01-05"), row("2026-01-06"), row("2026-01-06", "000001.XSHE"), row("2026-01-06", "900901.XSHG")],
    )
    source = Files(str(path), sessions)
    answer = source.daily_bars(["600000.XSHG"], date(2026, 1, 6), date(2026, 1, 9))
    assert isinstance(answer, Data)
    assert answer.table.num_rows == 1
    assert isinstance(source.daily_bars(["600000.XSHG"], date(2026, 1, 7), date(2026, 1, 9)), Empty)
    known = source.instruments()
    assert isinstance(known, Data)
    assert known.table.column("order_book_id").to_pylist() == ["000001.XSHE", "600000.XSHG"]
    assert known.table.cast(dictionary.get("instruments").arrow).column("board").to_pylist() == ["main", "main"]


def test_other_delimiters_and_a_byte_order_mark(tmp_path: Path, sessions: list[date]) -> None:
    path = tmp_path / "bars.csv"
    frame = pd.DataFrame([row()])
    frame.to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    answer = Files(str(path), sessions).daily_bars(None, *ALWAYS)
    assert isinstance(answer, Data)
    assert answer.table.column("close").to_pylist() == [10.1]


def test_the_document_names_every_alias() -> None:
    text = (Path(__file__).parents[2] / "docs" / "file-source.md").read_text()
    said = set(re.findall(r"`([a-z_]+)`", text))
    for kind in aliases.KINDS:
        assert {alias.name for alias in kind.names} | {alias.means.column for alias in kind.names} <= said, kind.name
    required = ", ".join(f"`{name}`" for name in aliases.BARS.required)
    assert f"Required: {required}." in text
