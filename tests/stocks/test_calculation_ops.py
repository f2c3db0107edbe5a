"""The two daily pipelines as their ops run them, from a source to what readers see."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from app.definitions import Dataset, registry
from app.definitions.catalogue import Catalogue
from app.definitions.pipeline import parse_pipeline
from app.errors import Invalid
from app.stocks import catalog
from app.stocks.lake.market_lake import market_lake
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from app.stocks.ops.saving import save_results
from app.stocks.ops.validate import validate_data_quality
from app.stocks.scoring.universe import Universe
from app.stocks.scoring.weights import DEFAULT
from tests.stocks.market import DAYS, bars
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


def test_a_run_with_one_symbol_leaves_every_other_row_of_scores_as_it_was(bench: MakeBench) -> None:
    there = bench(simulated_symbols=20, simulated_years=0.5)
    context = there.run()
    newest = date(2026, 11, 20)
    complete = complete_data(context, load_market_data(context, end_date=newest), end_date=newest)
    save_results(context, calculate_scores(context, calculate_indicators(context, complete)))
    there.publish(context)
    before = there.run().lake.read("scores").to_pandas()
    (one,) = before["order_book_id"].head(1)
    # The same day once more, then the next day: of one instrument alone.
    for day, outcome in ((newest, "unchanged"), (date(2026, 11, 23), "published")):
        narrow = there.run()
        asked: dict[str, Any] = {"symbols": [one], "start_date": day, "end_date": day}
        complete = complete_data(narrow, load_market_data(narrow, **asked, refetch=True), **asked)
        save_results(narrow, calculate_scores(narrow, calculate_indicators(narrow, complete, symbols=[one])))
        assert there.publish(narrow) == outcome
    after = there.run().lake.read("scores").to_pandas()
    known = after["trade_date"] <= newest
    pd.testing.assert_frame_equal(after[known].reset_index(drop=True), before)
    assert after[~known]["order_book_id"].tolist() == [one]
    whole = there.run()
    complete = complete_data(whole, load_market_data(whole))
    calculate_scores(whole, calculate_indicators(whole, complete))
    found = market_lake(whole).read("scores").to_pandas()
    assert len(found[found["trade_date"] == date(2026, 11, 23)]) > 10, "the next whole run scores the whole universe"
    pd.testing.assert_frame_equal(found[found["trade_date"] <= newest].reset_index(drop=True), before)


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


def scored(there: Bench, job: str, **params: Any) -> list[str]:
    """Score by these rules and publish; what was warned of."""
    context = there.run(job=job)
    calculate_scores(context, Dataset("indicators"), **params)
    there.publish(context)
    return [message for level, message, _ in context.log.lines if level == "warning"]


def test_scores_say_by_whose_rules_they_are_and_other_rules_are_warned_of(bench: MakeBench) -> None:
    there = bench()
    context = there.run()
    calculate_indicators(context, context.lake.stage("daily_bars", bars(symbols=12)))
    there.publish(context)
    few = Universe(min_sessions=0)
    assert scored(there, "first", universe=few) == []
    assert scored(there, "other", universe=few) == [], "the same rules"
    rules = there.run().lake.facts("scores")["rules"]
    assert (rules["job"], rules["weights"], rules["universe"]["min_sessions"]) == ("first", DEFAULT, 0)
    differ = "the rules differ from those of the scores published by job"
    weights: dict[str, float] = {"rsi14": 1, "momentum_20d": 1, "turnover_rate": 1}
    some = scored(there, "other", universe=few, weights=weights, start_date=DAYS[-1])
    assert some == [f"{differ} first: the dates asked for are calculated anew and replaced"]
    assert there.run().lake.facts("scores")["rules"] == rules, "most rows are still the first job's"
    everything = f"{differ} {{}}: all rows are calculated anew and replaced"
    assert scored(there, "other", universe=few, weights=weights) == [everything.format("first")]
    assert scored(there, "other", universe=few, weights=weights) == []
    assert scored(there, "first", universe=few) == [everything.format("other")]


def test_a_weight_of_no_factor_is_refused_at_registration() -> None:
    catalogue = Catalogue(ops=tuple(op.described() for op in registry.ops.values()))
    (pipeline,) = (each.document for each in catalog.shipped() if each.document["name"] == "stock_analysis")
    for node in pipeline["nodes"]:
        if node["op"] == "calculate_scores":
            node["params"] = {"weights": {"momentum": 1}}
    with pytest.raises(Invalid) as refused:
        parse_pipeline(pipeline, catalogue)
    (fault,) = refused.value.faults
    assert fault.pointer.endswith("/params/weights")
    assert fault.message.endswith("not 'momentum'; did you mean 'momentum_20d'?")


def test_symbols_may_be_spelt_as_vendors_spell_them() -> None:
    given = ["600000", "600000.SH", "sh600000", "600000.XSHG", "000001.SZ", "600001.SIM", "nonsense"]
    names = ("load_market_data", "complete_data", "validate_data_quality", "calculate_indicators")
    for model in [*(registry.ops[name].params_model for name in names), registry.queries["dataset_rows"].params_model]:
        required = {"dataset": "daily_bars"} if "dataset" in model.model_fields else {}
        params: Any = model.model_validate({"symbols": given, **required})
        assert params.symbols == ["600000.XSHG", "000001.XSHE", "600001.SIM", "nonsense"]


def test_every_shipped_document_names_registered_ops_and_their_params() -> None:
    pipelines = [shipped.document for shipped in catalog.shipped() if shipped.kind == "pipeline"]
    assert {pipeline["name"] for pipeline in pipelines} >= {"stock_analysis", "daily_full_pipeline"}
    for pipeline in pipelines:
        for node in pipeline["nodes"]:
            op = registry.ops[node["op"]]
            assert set(node.get("params", {})) <= set(op.spec.params_schema["properties"])
            ports = {port.name: port.optional for port in op.spec.inputs}
            assert {name for name, optional in ports.items() if not optional} <= set(node.get("inputs", {})) <= set(ports)
