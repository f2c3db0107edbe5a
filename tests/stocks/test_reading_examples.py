"""The examples of docs/data.md, as they stand there, on a data dir."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars

BLOCKS = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8"), re.DOTALL
)
LIBRARIES = ("pandas", "duckdb", "polars")


def test_there_is_an_example_for_each_library() -> None:
    assert [name for name in LIBRARIES if any(f"import {name}" in block for block in BLOCKS)] == [*LIBRARIES]


# polars is no part of the locked set: its example runs where somebody has it.
@pytest.mark.parametrize("library", [name for name in LIBRARIES if find_spec(name)])
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    host = MemoryHost(tmp_path / "var")
    lake = host.lake()
    frame = bars(symbols=3)
    lake.stage("daily_bars", frame)
    ids = frame[["order_book_id", "trade_date"]]
    lake.stage("scores", ids.assign(score=50.0, factors=3, rank=1))
    host.publish(lake)
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in BLOCKS if f"import {library}" in block]
    made: dict[str, object] = {}
    exec(block, made)  # what a reader pastes
    if library == "pandas":
        assert made["newest"]["trade_date"].unique().tolist() == [DAYS[-1]]  # type: ignore[index]
    elif library == "duckdb":
        assert len(made["one"]) == len(DAYS)  # type: ignore[arg-type]
        (comment,) = [comment for name, comment in made["means"] if name == "macd_hist"]  # type: ignore[attr-defined]
        assert "MACD柱" in comment
    else:
        assert len(made["traded"]) == len(DAYS)  # type: ignore[arg-type]
