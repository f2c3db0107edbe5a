"""What a face asks of the lake."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.stocks import dictionary
from app.stocks.dictionary.page import page
from app.stocks.queries import data_dictionary, dataset_preview, dataset_rows
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars


@pytest.fixture
def context(tmp_path: Path) -> SimpleNamespace:
    lake = MemoryHost(tmp_path).lake()
    lake.stage("daily_bars", bars())
    return SimpleNamespace(lake=lake)


def test_the_dictionary_describes_every_column_in_both_languages() -> None:
    described = {entry["name"]: entry for entry in data_dictionary()}
    assert set(described) == set(dictionary.DATASETS)
    for entry in described.values():
        assert set(entry["key"]) <= {column["name"] for column in entry["columns"]}
        for column in entry["columns"]:
            assert column["meaning"]
            assert any("一" <= letter <= "鿿" for letter in column["meaning_zh"]) or column["name"] in column["meaning_zh"]
    assert described["daily_bars"]["partition"] == "month"
    assert described["instruments"]["partition"] == "all"


def test_the_page_of_the_dictionary_is_the_dictionary() -> None:
    written = (Path(__file__).parents[2] / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert written == page(), "python -m app.stocks.dictionary.page > docs/data-dictionary.md"


def test_rows_and_preview(context: SimpleNamespace) -> None:
    rows = dataset_rows(
        context, dataset="daily_bars", columns=["close"], symbols=["600000.XSHG"], start_date=DAYS[3], end_date=DAYS[5]
    )
    assert (rows.num_rows, rows.column_names) == (3, ["close"])
    preview = dataset_preview(context, dataset="daily_bars", limit=3)
    assert [row["order_book_id"] for row in preview] == ["600000.XSHG", "600001.XSHG", "600002.XSHG"]
    assert {row["trade_date"] for row in preview} == {DAYS[-1]}
    assert dataset_preview(context, dataset="scores") == []
    assert isinstance(preview[0]["trade_date"], date)
