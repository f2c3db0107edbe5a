"""Which trade dates a publication releases: those that it changes, once they are scored; and the file that tells of one."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.definitions import Dataset
from app.stocks.lake.market_lake import market_lake
from app.stocks.lake.rows import ENCODED
from app.stocks.lake.views import reveal
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from tests.stocks.op_context import Bench, Context

BEFORE, LAST = date(2026, 11, 20), date(2026, 11, 23)


@pytest.fixture
def there(bench: Callable[..., Bench]) -> Bench:
    made = bench(simulated_symbols=12, simulated_years=0.5)
    context = made.run()
    complete_data(context, load_market_data(context, end_date=BEFORE), end_date=BEFORE)
    calculate(context)
    assert publish(made, context)[-1] == BEFORE.isoformat()
    return made


def calculate(context: Context) -> None:
    calculate_scores(context, calculate_indicators(context, Dataset("daily_bars")))


def publish(there: Bench, context: Context) -> list[str]:
    """What that publication releases."""
    found = [one["trade_date"] for one in context.lake.publication().get("releases", [])]
    there.publish(context)
    return found


def test_bars_alone_release_nothing_and_their_scores_release_their_day(there: Bench) -> None:
    sync = there.run(trade_date=LAST)
    complete_data(sync, load_market_data(sync))
    assert publish(there, sync) == []
    indicators = there.run(trade_date=LAST)
    calculate_indicators(indicators, Dataset("daily_bars"))
    assert publish(there, indicators) == []
    scores = there.run(trade_date=LAST)
    calculate_scores(scores, Dataset("indicators"))
    assert publish(there, scores) == [LAST.isoformat()]


def test_one_day_in_one_run(there: Bench) -> None:
    context = there.run(trade_date=LAST)
    complete_data(context, load_market_data(context))
    calculate(context)
    (release,) = context.lake.publication()["releases"]
    assert release["trade_date"] == LAST.isoformat()
    bars = context.lake.read("daily_bars", start=LAST, end=LAST).num_rows
    missing = context.metrics["missing_rows"]
    assert release["coverage"] == pytest.approx(bars / (bars + missing), abs=1e-6)


def mended(there: Bench, day: date, column: str, factor: float) -> Context:
    """A run that changes one number of one bar, and all that stands on it."""
    context = there.run(trade_date=day)
    row = bar_of(context, day, column)
    row[column] *= factor
    market_lake(context).stage("daily_bars", row)
    calculate(context)
    return context


def bar_of(context: Context, day: date, column: str) -> pd.DataFrame:
    bars = context.lake.read("daily_bars", start=day, end=day).to_pandas()
    return bars[bars[column].notna() & ~bars["is_suspended"]].iloc[[0]].copy()


def test_a_correction_that_nobody_scored_releases_nothing(there: Bench) -> None:
    context = there.run(trade_date=BEFORE)
    market_lake(context).stage("daily_bars", bar_of(context, BEFORE, "close").assign(close=1.0))
    assert publish(there, context) == []


def test_a_row_that_is_taken_out_changes_its_day(there: Bench) -> None:
    day = date(2026, 11, 12)
    context = there.run(trade_date=day)
    keys = context.lake.read("daily_bars", start=day, end=day).select(["order_book_id", "trade_date"]).slice(3, 1)
    market_lake(context).remove("daily_bars", keys.set_column(0, "order_book_id", keys.column("order_book_id").cast(ENCODED)))
    calculate(context)
    assert publish(there, context)[0] == day.isoformat()


def test_a_correction_releases_its_day_and_what_it_moves_and_nothing_before(there: Bench) -> None:
    day = date(2026, 10, 16)
    alone = publish(there, mended(there, day, "limit_up", 1.1))
    assert alone == [day.isoformat()], "nothing stands on a limit price"
    moved = publish(there, mended(there, day, "close", 1.01))
    assert moved[0] == day.isoformat()
    assert moved[-1] == BEFORE.isoformat(), "an average remembers it"
    assert publish(there, there.run(trade_date=day)) == []


def test_a_file_in_the_view_tells_of_every_announced_date(there: Bench, tmp_path: Path) -> None:
    announcement: dict[str, Any] = {
        "trade_date": "2026-11-20", "status": "complete", "snapshot": 1, "coverage": 1.0, "released_at": "2026-11-20T10:00:00Z",
        "datasets": {"scores": {"version": 1, "rows": 12}},
    }  # fmt: skip
    state = there.host.snapshot()
    reveal(tmp_path, {**state, "releases": [announcement]})  # type: ignore[typeddict-item]  # as JSON brings it
    mark = tmp_path / "current" / "_SUCCESS-2026-11-20.json"
    assert json.loads(mark.read_text()) == announcement
    assert mark.stat().st_mode & 0o777 == 0o444
    assert len(pd.read_parquet(tmp_path / "current" / "scores")) == there.run().lake.read("scores").num_rows
