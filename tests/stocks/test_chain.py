"""The chain of jobs as its ops run it: sync, completion, indicators, scores, each a run of its own."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from app.definitions import Dataset, registry
from app.errors import Invalid, Unavailable
from app.stocks.lake.market_lake import market_lake
from app.stocks.lake.rows import ENCODED
from app.stocks.ops.calculation import calculate_indicators, calculate_scores, load_indicators
from app.stocks.ops.complete import complete_data
from app.stocks.ops.completion import detect_gaps, fetch_missing, merge_data
from app.stocks.ops.indicator_parts import calc_fundamental, calc_technical, load_processed_data, merge_indicators
from app.stocks.ops.load import load_market_data
from app.stocks.ops.metrics import collect_metrics
from app.stocks.ops.saving import save_results
from app.stocks.ops.sync import get_target_symbols, get_trading_dates, sync_fundamental, sync_ohlcv, validate_sync
from tests.stocks.op_context import Bench

MakeBench = Callable[..., Bench]
MARKET = {"simulated_symbols": 20, "simulated_years": 0.5}
LAST, BEFORE = date(2026, 11, 23), date(2026, 11, 20)


def sync(there: Bench, day: date | None, *, refetch: bool = False, until: date | None = None) -> str:
    context = there.run(trade_date=day)
    targets, dates = get_target_symbols(context), get_trading_dates(context, end_date=until)
    known = sync_fundamental(context, targets, dates, refetch=refetch)
    validate_sync(context, sync_ohlcv(context, targets, dates, refetch=refetch), known, end_date=until)
    return there.publish(context)


def complete(there: Bench, day: date | None, lookback: int | None = 60) -> str:
    context = there.run(trade_date=day)
    missing = detect_gaps(context, lookback_sessions=lookback)
    if missing is None:
        return "skipped"
    merge_data(context, fetch_missing(context, missing))
    return there.publish(context)


def indicators(there: Bench, day: date | None) -> str:
    context = there.run(trade_date=day)
    data = load_processed_data(context)
    merged = merge_indicators(context, calc_technical(context, data), calc_fundamental(context, data))
    assert collect_metrics(context, merged) == merged
    return there.publish(context)


def scores(there: Bench, day: date | None) -> str:
    context = there.run(trade_date=day)
    save_results(context, calculate_scores(context, load_indicators(context)))
    return there.publish(context)


def chain(there: Bench, day: date | None, until: date | None = None) -> list[str]:
    synced = sync(there, day, until=until)
    newest = day or until
    return [synced, complete(there, newest), indicators(there, newest), scores(there, newest)]


def rows(there: Bench, dataset: str) -> pa.Table:
    return there.run().lake.read(dataset)


@pytest.fixture
def chained(tmp_path: Path, sessions: list[date], bench: MakeBench) -> Bench:
    """A lake filled by the chain: all history but the last day, and then the last day."""
    there = bench(**MARKET)
    assert chain(there, None, BEFORE)[::3] == ["published", "published"]
    assert chain(there, LAST)[::3] == ["published", "published"]
    return there


def test_the_chain_by_day_gives_what_one_run_of_everything_gives(chained: Bench, tmp_path: Path, sessions: list[date]) -> None:
    whole = Bench(tmp_path / "whole", sessions, chained.at, MARKET)
    context = whole.run()
    save_results(
        context, calculate_scores(context, calculate_indicators(context, complete_data(context, load_market_data(context))))
    )
    assert whole.publish(context) == "published"
    for dataset in ("daily_bars", "fundamentals", "indicators", "scores"):
        assert rows(chained, dataset).equals(rows(whole, dataset)), dataset
    assert rows(chained, "scores").filter(pa.compute.field("trade_date") == LAST).num_rows > 10


def test_a_sync_without_a_date_brings_whatever_is_missing_reports_too(
    bench: MakeBench, tmp_path: Path, sessions: list[date]
) -> None:
    there, whole = bench(**MARKET), Bench(tmp_path / "whole", sessions, bench(**MARKET).at, MARKET)
    assert sync(there, None, until=date(2026, 9, 1)) == sync(there, None) == sync(whole, None) == "published"
    for dataset in ("daily_bars", "fundamentals"):
        assert rows(there, dataset).equals(rows(whole, dataset)), dataset


def test_a_chain_that_finds_nothing_new_publishes_nothing(chained: Bench) -> None:
    snapshot = chained.host.snapshot()["snapshot"]
    assert sync(chained, LAST, refetch=True) == "unchanged"
    assert complete(chained, LAST) in ("skipped", "unchanged")
    assert (indicators(chained, LAST), scores(chained, LAST)) == ("unchanged", "unchanged")
    assert chained.host.snapshot()["snapshot"] == snapshot


def test_a_restated_bar_comes_with_refetch_and_moves_what_stands_on_it(chained: Bench) -> None:
    before = {name: rows(chained, name) for name in ("daily_bars", "indicators", "scores")}
    bar = before["daily_bars"].filter(pa.compute.field("trade_date") == LAST).slice(0, 1).to_pylist()[0]
    context = chained.run()
    twice = {name: 2 * bar[name] for name in ("volume", "total_turnover", "turnover_rate")}
    context.lake.stage("daily_bars", pa.Table.from_pylist([bar | twice], schema=before["daily_bars"].schema))
    assert chained.publish(context) == "published"
    assert sync(chained, LAST) == "unchanged", "what is there is not fetched"
    assert (indicators(chained, LAST), scores(chained, LAST)) == ("published", "published")
    assert not rows(chained, "indicators").equals(before["indicators"])
    assert sync(chained, LAST, refetch=True) == "published"
    assert (indicators(chained, LAST), scores(chained, LAST)) == ("published", "published")
    assert {name: rows(chained, name) for name in before} == before


def test_completion_finds_and_fills_holes_and_only_the_deep_one_looks_far(chained: Bench) -> None:
    before = rows(chained, "daily_bars")
    old, new = before.column("trade_date")[0], before.filter(pa.compute.field("trade_date") == BEFORE).column("trade_date")[0]
    names = before.filter(pa.compute.field("trade_date") == old).column("order_book_id")[:2]
    holes = pa.table({"order_book_id": [names[0].as_py(), names[1].as_py()], "trade_date": [old.as_py(), new.as_py()]})
    context = chained.run()
    encoded = holes.set_column(0, "order_book_id", holes.column("order_book_id").cast(ENCODED))
    market_lake(context).remove("daily_bars", encoded)
    assert chained.publish(context) == "published"
    assert complete(chained, LAST) == "published"
    assert len(rows(chained, "daily_bars")) == len(before) - 1, "the hole of the last sessions is filled"
    assert complete(chained, None, lookback=None) == "published"
    assert rows(chained, "daily_bars").equals(before)


def test_a_deep_completion_after_an_outage_judges_the_days_that_it_looked_at(bench: MakeBench) -> None:
    """The source has days by then of which no sync has asked yet: they are not missing."""
    there = bench(**MARKET)
    now, there.at = there.at, there.at - timedelta(days=7)
    assert sync(there, None) == "published"
    before = rows(there, "daily_bars")
    context = there.run()
    hole = before.slice(0, 1).select(["order_book_id", "trade_date"])
    market_lake(context).remove("daily_bars", hole.set_column(0, "order_book_id", hole.column(0).cast(ENCODED)))
    assert there.publish(context) == "published"
    there.at = now
    assert complete(there, None, lookback=None) == "published"
    assert rows(there, "daily_bars").equals(before)


def test_a_day_that_is_not_ready_is_asked_for_by_nobody_and_leaves_nothing(chained: Bench) -> None:
    before = chained.host.snapshot()
    tomorrow = date(2026, 11, 24)
    for step in (sync, complete, indicators, scores):
        with pytest.raises(Unavailable, match="2026-11-24"):
            step(chained, tomorrow)
    assert chained.host.snapshot() == before


def test_an_empty_lake_is_told_of(bench: MakeBench) -> None:
    there = bench(**MARKET)
    for step, error in ((complete, Invalid), (indicators, Invalid), (scores, Unavailable)):
        with pytest.raises(error):
            step(there, None)


def test_parts_of_other_rows_are_not_put_together(chained: Bench) -> None:
    context = chained.run()
    bars = Dataset("daily_bars")
    lake = market_lake(context)
    lake.note("indicators", made_from={})
    one, other = lake.symbols("daily_bars"), list(lake.symbols("daily_bars"))[:3]
    technical, known = calc_technical(context, bars, symbols=list(one)), calc_fundamental(context, bars, symbols=other)
    with pytest.raises(ValueError, match="not of the same rows"):
        merge_indicators(context, technical, known, symbols=list(one))


def test_every_shipped_op_answers_to_its_names_with_the_suffix() -> None:
    shipped = {op.spec.name: op for op in registry.ops.values() if op.spec.module.startswith("app.stocks")}
    assert len(shipped) >= 18
    for op in shipped.values():
        for name in (op.spec.name, *op.spec.aliases):
            assert registry.ops[f"{name.removesuffix('_op')}_op"] is op
