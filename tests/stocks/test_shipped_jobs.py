"""What is shipped, name by name: the table of the design and of the guide, as data."""

from typing import Any

import pytest

import app.stocks  # noqa: F401  it registers what is shipped
from app.definitions import registry
from app.definitions.graph import graph
from app.definitions.job import document_priority, parse_job
from app.definitions.pipeline import parse_pipeline
from app.definitions.schedule import parse_schedule
from app.definitions.trigger import parse_trigger
from app.runner.catalogue import describe
from app.stocks import catalog

NORMAL, HIGH = 50, 80

JOBS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "stock_analysis_job": (
        "stock_analysis",
        {},
        NORMAL,
        "load_market_data > validate_data_quality > calculate_indicators > calculate_scores > save_results",
    ),
    "daily_sync_job": (
        "daily_sync",
        {"type": "sync", "frequency": "daily"},
        NORMAL,
        "get_target_symbols, get_trading_dates > sync_ohlcv, sync_fundamental > validate_sync",
    ),
    "completion_job": (
        "completion",
        {"type": "completion", "depends": "sync"},
        NORMAL,
        "detect_gaps > fetch_missing > merge_data",
    ),
    "indicator_job": (
        "indicator",
        {"type": "calculation", "depends": "completion"},
        NORMAL,
        "load_processed_data > calc_technical, calc_fundamental > check_known_dates > merge_indicators > collect_metrics",
    ),
    "scoring_save_job": (
        "scoring_save",
        {"type": "scoring", "depends": "indicator"},
        NORMAL,
        "load_indicators > calculate_scores > save_to_parquet, save_to_duckdb > update_metadata",
    ),
    "daily_full_pipeline": (
        "daily_full_pipeline",
        {},
        NORMAL,
        "sync_data > complete_data > calculate_indicators > calculate_scores > save_results",
    ),
    "daily_data_sync": ("daily_data_sync", {}, NORMAL, "sync_from_rqdatac > validate_sync_quality"),
    "data_completion": ("data_completion", {}, NORMAL, "detect_missing_data > fetch_missing_data > merge_and_validate"),
    "indicator_calculation": (
        "indicator_calculation",
        {},
        NORMAL,
        "load_base_data > calculate_technical_indicators, calculate_fundamental_indicators > publish",
    ),
    "scoring_and_save": (
        "scoring_and_save",
        {},
        NORMAL,
        "load_indicator_data > calculate_scores > save_to_storage > update_metadata",
    ),
    "morning_pipeline": (
        "morning_pipeline",
        {"time": "morning", "priority": "high"},
        HIGH,
        "sync_and_complete > calculate_indicators > save_temp",
    ),
    "evening_pipeline": (
        "evening_pipeline",
        {"time": "evening", "priority": "medium"},
        NORMAL,
        "load_temp > calculate_scores > save_final > cleanup_temp",
    ),
    "lake_maintenance": ("lake_maintenance", {"type": "maintenance"}, 20, "back_up, retention, clear_scratch, prune_history"),
    "reproduce_job": ("reproduce", {"type": "reproduction"}, 20, "name_a_run"),
    "daily_etl_pipeline": ("daily_etl_pipeline", {}, NORMAL, "extract_data > clean_data > enrich_data > load_to_storage"),
}
"""Job: its pipeline, tags, priority, and the nodes level by level, each named after its op (but for `publish`)."""

FIRES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "daily_sync_schedule": ("daily_sync_job", {"cron": "0 9 * * 1-5", "calendar": "XSHG", "trade_date": "previous"}, False),
    "afternoon_calculation_schedule": ("indicator_job", {"cron": "0 15 * * 1-5", "trade_date": "latest_published"}, False),
    "completion_deep_schedule": ("completion_job", {"cron": "0 10 * * 6"}, False),
    "morning_pipeline_schedule": ("morning_pipeline", {"at": "08:30", "calendar": "XSHG", "trade_date": "previous"}, True),
    "evening_pipeline_schedule": ("evening_pipeline", {"at": "close+30m", "calendar": "XSHG", "trade_date": "previous"}, True),
    "daily_sync_on_vendor_ready": (
        "daily_sync_job",
        {"when": {"vendor_ready": {"dataset": "daily_bars", "from": "close+30m", "until": "22:00"}}},
        False,
    ),
    "trigger_completion_on_sync_success": (
        "completion_job",
        {"when": {"jobs": ["daily_sync_job"], "status": "succeeded"}},
        False,
    ),
    "trigger_indicators_on_completion_success": (
        "indicator_job",
        {"when": {"jobs": ["completion_job"], "status": "succeeded"}},
        False,
    ),
    "trigger_scoring_on_indicator_success": (
        "scoring_save_job",
        {"when": {"jobs": ["indicator_job"], "status": "succeeded"}},
        False,
    ),
    "trigger_factors_on_indicator_success": ("factor_job", {"when": {"jobs": ["indicator_job"], "status": "succeeded"}}, True),
    "lake_maintenance_schedule": ("lake_maintenance", {"cron": "0 3 * * *"}, False),
}
"""Schedule or trigger: the job that it fires, what its document says at least, whether it is shipped paused."""


@pytest.fixture(scope="module")
def shipped() -> dict[str, dict[str, Any]]:
    """The documents by kind and name."""
    found: dict[str, dict[str, Any]] = {}
    for each in catalog.shipped():
        found.setdefault(each.kind, {})[each.document["name"]] = each.document
    return found


@pytest.mark.parametrize("name", JOBS)
def test_a_job_of_the_guide_is_shipped_as_it_is_told(shipped: dict[str, dict[str, Any]], name: str) -> None:
    pipeline, tags, priority, nodes = JOBS[name]
    job = shipped["job"][name]
    assert (job["pipeline"], job.get("tags", {}), document_priority(job)) == (pipeline, tags, priority)
    blueprint = shipped["pipeline"][pipeline]
    assert " > ".join(", ".join(level) for level in graph(blueprint)["levels"]) == nodes
    ops = {node["id"]: node["op"] for node in blueprint["nodes"]}
    assert {node: op for node, op in ops.items() if node != op} == ({"publish": "merge_indicators"} if "publish" in ops else {})
    assert all(registry.ops[f"{op}_op"] is registry.ops[op] for op in ops.values())


@pytest.mark.parametrize("name", FIRES)
def test_what_fires_it_is_shipped_as_it_is_told(shipped: dict[str, dict[str, Any]], name: str) -> None:
    job, says, paused = FIRES[name]
    document = (shipped["schedule"] | shipped["trigger"])[name]
    assert (document["job"], document.get("paused", False)) == (job, paused)
    assert {key: document.get(key) for key in says} == says


def test_every_shipped_document_is_valid(shipped: dict[str, dict[str, Any]]) -> None:
    catalogue, pools = describe(), {pool["name"]: pool["size"] for pool in shipped["pool"].values()}
    pipelines = {name: parse_pipeline(each, catalogue, pools=pools).document for name, each in shipped["pipeline"].items()}
    jobs = {
        name: parse_job(each, pipelines[each["pipeline"]], pipelines=pipelines, calendars=["XSHG"]).document
        for name, each in shipped["job"].items()
    }

    def pipeline_of(job: str) -> dict[str, Any]:
        return pipelines[jobs[job]["pipeline"]]

    for each in shipped["schedule"].values():
        parse_schedule(each, jobs, pipeline_of=pipeline_of, calendars=["XSHG"])
    for each in shipped["trigger"].values():
        parse_trigger(each, jobs, pipeline_of=pipeline_of)


def test_the_sync_of_bars_is_critical_and_tries_again() -> None:
    spec = registry.ops["sync_ohlcv_op"].spec
    assert spec.retry is not None
    assert (spec.retry.max_retries, spec.retry.delay, spec.tags) == (3, 60, {"importance": "critical"})
