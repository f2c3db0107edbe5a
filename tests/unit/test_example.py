"""The documented example package: its ops as the plain functions that they are, its job and schedule as documents."""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import pyarrow as pa
import pytest

import app.stocks  # noqa: F401  registers the shipped ops for good, not only for this module's fixture
from app.definitions import Dataset, registry
from app.definitions.graph import graph

FOLDER = Path(__file__).parents[2] / "examples" / "liquid_stocks"
DAYS = [date(2026, 11, day) for day in (18, 19, 20)]


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    before = registry.clear()
    registry.restore(before)
    sys.path.insert(0, str(FOLDER))
    try:
        import liquid_stocks

        yield liquid_stocks
    finally:
        sys.path.remove(str(FOLDER))
        for name in [name for name in sys.modules if name.split(".")[0] == "liquid_stocks"]:
            del sys.modules[name]
        registry.restore(before)


def bars(**turnover: list[float | None]) -> pd.DataFrame:
    """Three days of bars of these names; a name that ends in `up` closes at its limit on the last day."""
    rows = [
        {
            "order_book_id": name,
            "trade_date": day,
            "close": 11.0 if name.endswith("up") and day == DAYS[-1] else 10.0,
            "limit_up": 11.0,
            "total_turnover": value,
        }
        for name, values in turnover.items()
        for day, value in zip(DAYS, values, strict=True)
    ]
    return pd.DataFrame(rows)


def test_keep_liquid_keeps_names_by_their_median_and_reports_how_many(example: ModuleType) -> None:
    context = MagicMock()
    frame = bars(large=[2e7, 2e7, 2e7], thin=[1.0, 1.0, 9e9], halted=[None, None, 2e7], edge=[1e7, 1e7, 1e7])
    kept = example.ops.keep_liquid(context, frame)
    assert sorted(set(kept["order_book_id"])) == ["edge", "large"]
    assert kept.index.tolist() == list(range(6))
    assert {call.args for call in context.metric.call_args_list} == {("names", 4), ("liquid_names", 2)}
    assert len(example.ops.keep_liquid(context, frame, min_total_turnover=0)) == len(frame)


def test_split_by_limit_leaves_its_second_output_out_on_a_quiet_day(example: ModuleType) -> None:
    quiet = example.ops.split_by_limit(bars(a=[1, 1, 1]))
    assert quiet.at_limit is None
    assert quiet.tradable["order_book_id"].tolist() == ["a"]
    loud = example.ops.split_by_limit(bars(a=[1, 1, 1], b_up=[1, 1, 1]))
    assert loud.at_limit is not None
    assert loud.at_limit["order_book_id"].tolist() == ["b_up"]
    assert loud.tradable["order_book_id"].tolist() == ["a"]
    context = MagicMock()
    assert example.ops.list_at_limit(context, loud.at_limit) == ["b_up"]
    context.log.warning.assert_called_once_with("closed at their upper limit", names=["b_up"])


def test_rank_by_turnover_is_a_plain_value(example: ModuleType) -> None:
    last = bars(a=[1, 1, 1], b=[1, 1, 3], c=[1, 1, None]).query("trade_date == @DAYS[-1]")
    assert example.ops.rank_by_turnover(last, top=5) == {"b": 3.0, "a": 1.0}
    assert list(example.ops.rank_by_turnover(last, top=1)) == ["b"]


@pytest.mark.parametrize(("trade_date", "first", "last"), [(DAYS[1], DAYS[0], DAYS[1]), (None, DAYS[1], DAYS[2])])
def test_recent_bars_reads_what_it_needs(example: ModuleType, trade_date: date | None, first: date, last: date) -> None:
    context = MagicMock(trade_date=trade_date)
    context.sessions.return_value = [*DAYS, date(2026, 11, 23)]
    context.lake.read.return_value = pa.table({"trade_date": DAYS})
    example.ops.recent_bars(context, Dataset("daily_bars"), days=2)
    asked: dict[str, Any] = context.lake.read.call_args.kwargs
    assert (asked["start"], asked["end"]) == (first, last)
    assert asked["columns"] == example.ops.COLUMNS


def test_the_job_draws_a_branch_behind_the_optional_output(example: ModuleType) -> None:
    document = example.jobs.liquid_job.pipeline_document
    assert graph(document)["levels"] == [
        ["load_market_data"], ["recent_bars"], ["keep_liquid"], ["split_by_limit"], ["rank_by_turnover", "list_at_limit"],
    ]  # fmt: skip
    assert document["nodes"][-1]["inputs"] == {"bars": "split_by_limit.at_limit"}
    ports = {port.name: port.optional for port in example.ops.split_by_limit.spec.outputs}
    assert ports == {"tradable": False, "at_limit": True}


def test_the_package_brings_its_definitions_along(example: ModuleType) -> None:
    brought = [(each.kind, each.document["name"]) for each in registry.documents if each.managed_by == "file"]
    assert brought == [("pipeline", "liquid"), ("job", "liquid_job"), ("schedule", "liquid_schedule")]
    assert example.jobs.liquid_schedule.document == {
        "name": "liquid_schedule",
        "job": "liquid_job",
        "cron": "0 20 * * 1-5",
        "calendar": "XSHG",
        "params": {"top": 50},
        "description": "Every trading day at 20:00, when vendors have published the day.",
    }
