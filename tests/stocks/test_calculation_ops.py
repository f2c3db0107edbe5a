"""The two daily pipelines as their ops run them, from a source to what readers see."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from app.definitions import Dataset, registry
from app.stocks import catalog
from app.stocks.lake.market_lake import market_lake
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.ops.saving import save_results
from app.stocks.ops.validate import validate_data_quality
from tests.stocks.market import bars
from tests.stocks.op_context import Bench, Context

MakeBench = Callable[..., Bench]


def daily_full(there: Bench) -> tuple[Context, str]:
    context = there.run()
    complete = complete_data(context, load_market_data(context))
    save_results(context, calculate_scores(context, calculate_indicators(context, complete)))
    return context, there.host.publish(market_lake(context))


def stock_analysis(there: Bench) -> tuple[Context, str]:
    context = there.run()
    valid = validate_data_quality(context, load_market_data(context))
    assert there.host.publish(market_lake(context)) in ("published", "unchanged")
    save_results(context, calculate_scores(context, calculate_indicators(context, valid)))
    return context, there.host.publish(market_lake(context))


@pytest.mark.parametrize("pipeline", [daily_full, stock_analysis])
def test_a_simulated_market_ends_in_scores_and_the_second_run_changes_nothing(
    bench: MakeBench, pipeline: Callable[[Bench], tuple[Context, str]]
) -> None:
    there = bench(simulated_symbols=20, simulated_years=0.5)
    context, outcome = pipeline(there)
    assert outcome == "published"
    scores = pd.read_parquet(there.data_dir / "current" / "scores")
    newest = max(file["max_date"] or "" for file in market_lake(context).files("daily_bars"))
    assert scores["trade_date"].max() == date.fromisoformat(newest)
    assert set(scores["order_book_id"].str[-4:]) == {".SIM"}
    snapshot = there.host.snapshot()["snapshot"]
    again, outcome = pipeline(there)
    assert outcome == "unchanged"
    assert there.host.snapshot()["snapshot"] == snapshot
    assert again.metrics["files"] == 0


@pytest.mark.data
def test_real_bars_reach_readers_alike_by_every_way(bench: MakeBench, market_data: Path) -> None:
    there = bench(source="files", files_path=str(market_data / "sse50_2025_daily.parquet"))
    assert daily_full(there)[1] == "published"
    by_lake = there.run().lake.read("scores").to_pandas()
    by_parquet = pd.read_parquet(there.data_dir / "current" / "scores").sort_values(["order_book_id", "trade_date"])
    pd.testing.assert_frame_equal(by_parquet.reset_index(drop=True), by_lake)
    with duckdb.connect(str(there.data_dir / "market.duckdb"), read_only=True) as connection:
        by_duckdb = connection.sql("SELECT * FROM scores ORDER BY order_book_id, trade_date").to_arrow_table()
    assert by_duckdb.cast(there.run().lake.read("scores").schema).equals(there.run().lake.read("scores"))
    assert len(by_lake) > 3000
    assert by_lake["score"].notna().all()


@pytest.mark.data
@pytest.mark.slow
def test_fourteen_unadjusted_years_say_so_down_to_the_scores(bench: MakeBench, market_data: Path) -> None:
    there = bench(source="files", files_path=str(market_data / "daily_2005_2018_ohlcv.parquet"))
    assert daily_full(there)[1] == "published"
    datasets = there.host.snapshot()["datasets"]
    assert [datasets[name]["facts"]["adjusted"] for name in ("daily_bars", "indicators", "scores")] == [False, False, False]
    traded = there.run().lake.read("daily_bars", columns=["is_suspended"]).to_pandas()
    assert datasets["indicators"]["rows"] == (~traded["is_suspended"]).sum() == 136_826 - 7_171
    assert daily_full(there)[1] == "unchanged"


def test_scores_are_not_made_from_bars(bench: MakeBench) -> None:
    with pytest.raises(ValueError, match="put calculate_indicators in between"):
        calculate_scores(bench().run(), Dataset("daily_bars"))


def test_a_frame_of_bars_may_be_fed_to_the_indicators(bench: MakeBench) -> None:
    context = bench().run()
    found = calculate_indicators(context, context.lake.stage("daily_bars", bars()))
    assert found.name == "indicators"
    assert found.rows == len(context.lake.read("indicators"))
    assert context.metrics["symbols"] == 6


def test_every_shipped_document_names_registered_ops_and_their_params() -> None:
    pipelines = [shipped.document for shipped in catalog.shipped() if shipped.kind == "pipeline"]
    assert {pipeline["name"] for pipeline in pipelines} >= {"stock_analysis", "daily_full_pipeline"}
    for pipeline in pipelines:
        for node in pipeline["nodes"]:
            op = registry.ops[node["op"]]
            assert set(node.get("params", {})) <= set(op.spec.params_schema["properties"])
            assert set(node.get("inputs", {})) == {port.name for port in op.spec.inputs}
