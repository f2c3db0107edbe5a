"""What the source confirmed not to have is not asked for again until that expires or files change."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.stocks.ops.complete import complete_data
from app.stocks.ops.completion import detect_gaps, fetch_missing, merge_data
from app.stocks.ops.load import load_market_data
from tests.stocks.bar_files import row, write
from tests.stocks.op_context import Bench, Context

MakeBench = Callable[..., Bench]
MARKET = {"simulated_symbols": 100, "simulated_years": 1}
LATE = date(2026, 11, 20)
DAYS = ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]


def load(there: Bench, **params: Any) -> Context:
    context = there.run()
    complete_data(context, load_market_data(context, **params), min_coverage=0.1)
    there.publish(context)
    return context


def complete(there: Bench, lookback: int | None = None) -> tuple[int, Context]:
    """A completion over all history: how many rows it asked for."""
    context = there.run()
    wanted = detect_gaps(context, lookback_sessions=lookback)
    if wanted is None:
        return 0, context
    merge_data(context, fetch_missing(context, wanted), min_coverage=0.1)
    there.publish(context)
    return wanted.num_rows, context


def told(there: Bench) -> list[dict[str, Any]]:
    return there.run().lake.read("confirmed_empty").to_pylist()


def asked(context: Context) -> int:
    """How often bars were asked for."""
    return sum(message == "took bars in" for _, message, _ in context.log.lines)


@pytest.fixture
def completed(bench: MakeBench) -> Bench:
    there = bench(**MARKET)
    load(there)
    assert complete(there)[0] > 0, "beyond the sixty sessions of the first run"
    return there


def test_a_second_completion_asks_the_source_nothing(completed: Bench) -> None:
    rows = told(completed)
    assert {one["answer"] for one in rows} == {"empty", "unfit"}
    snapshot = completed.host.snapshot()["snapshot"]
    count, context = complete(completed)
    assert (count, context.metrics["confirmed_empty_rows"]) == (0, len(rows))
    again = load(completed)
    assert (asked(again), again.metrics["fetched_rows"]) == (0, 0)
    assert completed.host.snapshot()["snapshot"] == snapshot


def test_the_source_is_asked_again_when_its_word_has_expired(completed: Bench) -> None:
    rows = told(completed)
    for one in rows:
        age = (date(2026, 11, 23) - one["trade_date"]).days
        assert one["expires_date"] == date(2026, 11, 24 if age < 7 else 23) + timedelta(days=0 if age < 7 else 30)
    old = sum(one["expires_date"] > date(2026, 12, 1) for one in rows)
    completed.at = datetime(2026, 12, 22, 12, tzinfo=UTC)
    assert complete(completed)[0] == len(rows) - old
    completed.at = datetime(2026, 12, 23, 12, tzinfo=UTC)
    assert complete(completed)[0] == old
    assert complete(completed)[0] == 0
    assert min(one["expires_date"] for one in told(completed)) > date(2027, 1, 1)


def test_files_that_changed_are_asked_at_once_and_what_comes_is_no_longer_confirmed(bench: MakeBench, tmp_path: Path) -> None:
    rows = [row(day, one, prev_close=9.0) for day in DAYS for one in ("600000.XSHG", "600001.XSHG")]
    lost = [one for at, one in enumerate(rows) if at not in (3, 5)]
    path = write(tmp_path / "bars.csv", lost)
    there = bench(source="files", files_path=str(path))
    load(there)
    assert [(one["order_book_id"], one["trade_date"].day, one["answer"]) for one in told(there)] == [
        ("600001.XSHG", 17, "empty"),
        ("600001.XSHG", 18, "empty"),
    ]
    assert complete(there)[0] == 0
    write(path, [one for at, one in enumerate(rows) if at != 5])
    count, context = complete(there)
    assert (count, context.metrics["fetched_rows"], context.metrics["confirmed_empty_rows"]) == (2, 1, 1)
    assert [one["trade_date"].day for one in told(there)] == [18]
    assert complete(there)[0] == 0


def test_a_row_that_is_not_fit_is_confirmed_too_until_it_is_mended(bench: MakeBench, tmp_path: Path) -> None:
    rows = [row(day, prev_close=9.0) for day in DAYS]
    path = write(tmp_path / "bars.csv", [one | {"low": 11.0 if at == 2 else one["low"]} for at, one in enumerate(rows)])
    there = bench(source="files", files_path=str(path))
    load(there)
    assert [(one["trade_date"].day, one["answer"]) for one in told(there)] == [(18, "unfit")]
    assert complete(there)[0] == 0
    write(path, rows)
    assert complete(there)[0] == 1
    assert told(there) == []


def test_a_rest_at_the_end_is_told_when_trading_resumes(bench: MakeBench, tmp_path: Path) -> None:
    others = [row(day, "600001.XSHG", prev_close=10.1) for day in DAYS]
    path = write(tmp_path / "bars.csv", [row(DAYS[0], prev_close=10.1), *others])
    (tmp_path / "listing.csv").write_text("ts_code,list_date\n600000.SH,20200106\n600001.SH,20200106\n")
    there = bench(source="files", files_path=str(tmp_path / "*.csv"))
    load(there, end_date=date(2026, 11, 19))
    assert [one["trade_date"].day for one in told(there)] == [17, 18, 19, 20]
    assert complete(there)[0] == 0
    write(path, [row(DAYS[0], prev_close=10.1), *others, row("2026-11-23", prev_close=10.1), row("2026-11-23", "600001.XSHG")])
    context = load(there)
    assert told(there) == []
    rested = [one for one in there.run().lake.read("daily_bars").to_pylist() if one["source"] == "inferred"]
    assert [one["trade_date"].day for one in rested] == [17, 18, 19, 20]
    assert asked(context) == 1
