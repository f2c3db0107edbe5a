"""Each known kind of dirt is found, named and treated as the document's table says."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from app.stocks.intake.failures import SourceUnavailable
from app.stocks.lake.views import reveal
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.sources.simulated import dirt as simulated
from tests.stocks import dirt
from tests.stocks.bar_files import write
from tests.stocks.conftest import AFTER_CLOSE
from tests.stocks.dirt import DAY, KINDS, ONE, Kind
from tests.stocks.op_context import Bench

DOCUMENT = Path(__file__).parents[2] / "docs" / "data-quality.md"
MakeBench = Callable[..., Bench]


def outcome(there: Bench) -> tuple[set[str], str]:
    """The checks that found anything, and what became of the row."""
    context = there.run()
    try:
        complete_data(context, load_market_data(context), min_coverage=0.0)
    except SourceUnavailable as refusal:
        return set(), dirt.REFUSED if "bars.csv, column" in refusal.detail and ", row " in refusal.detail else refusal.detail
    there.publish(context)
    lake = there.run().lake
    found = {one["check"] for one in there.host.states[-1]["datasets"]["daily_bars"]["facts"]["checks"] if one["failed"]}
    kept_out = lake.read("quarantine").num_rows
    day = date.fromisoformat(DAY)
    rows = lake.read("daily_bars", start=day, end=day, symbols=[ONE]).to_pylist()
    if not rows:
        return found, dirt.KEPT_OUT if kept_out else dirt.MISSING
    (bar,) = rows
    if bar["source"] == "inferred":
        return found, dirt.ADDED
    factors = set(lake.read("daily_bars", symbols=[ONE]).column("adj_factor").to_pylist())
    if len(factors) > 1:
        return found, dirt.FACTOR
    if bar["is_suspended"]:
        return found, dirt.SUSPENDED if bar["close"] is None else "prices on a suspended day"
    if kept_out:
        return found, dirt.ONE_TAKEN if found == {"duplicates"} else dirt.KEPT_OUT
    return found, dirt.WARNED if found else dirt.PUBLISHED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_each_kind_is_found_named_and_treated(kind: Kind, bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", kind.edit(dirt.market()))
    found, becomes = outcome(bench(source="files", files_path=str(path)))
    assert (found, becomes) == ({name for name in kind.found_by.split(", ") if name}, kind.becomes)


def test_without_dirt_nothing_is_found(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", dirt.market())
    assert outcome(bench(source="files", files_path=str(path))) == (set(), dirt.PUBLISHED)


def test_the_table_has_whatever_the_simulated_market_places_and_the_document_shows_it() -> None:
    assert [kind.simulated for kind in KINDS if kind.simulated] == list(simulated.KINDS)
    assert dirt.table() in DOCUMENT.read_text(), f"docs/data-quality.md should hold:\n{dirt.table()}"


def test_a_folder_with_a_space_and_chinese_characters_is_a_folder(tmp_path: Path, sessions: list[date]) -> None:
    place = tmp_path / "交易 数据"
    place.mkdir()
    path = write(place / "日线 行情.csv", dirt.market())
    there = Bench(place / "库 存", sessions, AFTER_CLOSE, {"source": "files", "files_path": str(path)})
    assert outcome(there) == (set(), dirt.PUBLISHED)
    reveal(there.data_dir, there.host.states[-1])
    assert len(pd.read_parquet(there.data_dir / "current" / "daily_bars")) == 12
    with duckdb.connect(str(there.data_dir / "market.duckdb"), read_only=True) as market:
        assert market.sql("SELECT count(*) FROM daily_bars_post").fetchall() == [(12,)]
