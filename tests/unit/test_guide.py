"""The guide's Python compiles to the documents that HTTP takes."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.definitions import JobDefinition, job, registry
from app.definitions.firing import ScheduleDefinition, TriggerDefinition
from app.definitions.graph import graph

JOBS = {
    "stock_analysis_job": "load_market_data > validate_data_quality > calculate_indicators > calculate_scores > save_results",
    "daily_data_sync": "sync_from_rqdatac, validate_sync_quality",
    "data_completion": "detect_missing_data, fetch_missing_data, merge_and_validate",
    "indicator_calculation": "load_base_data, calculate_technical_indicators, calculate_fundamental_indicators",
    "scoring_and_save": "load_indicator_data, calculate_scores, save_to_storage, update_metadata",
    "daily_full_pipeline": "sync_data > complete_data > calculate_indicators > calculate_scores > save_results",
    "daily_sync_job": "get_target_symbols, get_trading_dates > sync_ohlcv, sync_fundamental > validate_sync",
    "indicator_job": "load_processed_data > calc_technical, calc_fundamental > merge_indicators",
    "scoring_save_job": "load_indicators, update_metadata > calculate_scores > save_to_parquet, save_to_duckdb",
    "morning_pipeline": "sync_and_complete > calculate_indicators > save_temp",
    "evening_pipeline": "load_temp, cleanup_temp > calculate_scores > save_final",
    "daily_etl_pipeline": "extract_data > clean_data > enrich_data > load_to_storage",
    "realtime_processing": "consume_stream > process_realtime > save_realtime",
}


@pytest.fixture(scope="module")
def guide() -> Iterator[dict[str, Any]]:
    before = registry.clear()
    try:
        names = runpy.run_path(str(Path(__file__).with_name("guide_jobs.py")), run_name="guide_jobs")
        yield {**names, "documents": list(registry.documents)}
    finally:
        registry.restore(before)


def levels(definition: JobDefinition) -> str:
    return " > ".join(", ".join(level) for level in graph(definition.pipeline_document)["levels"])


def test_every_job_of_the_guide_draws_its_graph(guide: dict[str, Any]) -> None:
    made = {each.name: each for each in guide.values() if isinstance(each, JobDefinition)}
    assert {name: levels(each) for name, each in made.items()} == JOBS
    assert all(each.pipeline_document["name"] == name.removesuffix("_job") for name, each in made.items())
    assert made["daily_sync_job"].job_document == {
        "name": "daily_sync_job",
        "pipeline": "daily_sync",
        "description": "每日数据同步Job",
        "tags": {"type": "sync", "frequency": "daily"},
    }


def test_its_schedules_and_its_sensor(guide: dict[str, Any]) -> None:
    made = {each.name: each.document for each in guide.values() if isinstance(each, ScheduleDefinition | TriggerDefinition)}
    assert made == {
        "daily_sync_schedule": {
            "name": "daily_sync_schedule",
            "job": "daily_sync_job",
            "cron": "0 9 * * 1-5",
            "description": "每日同步调度",
        },
        "afternoon_calculation_schedule": {
            "name": "afternoon_calculation_schedule",
            "job": "indicator_job",
            "cron": "0 15 * * 1-5",
            "description": "下午指标计算调度",
        },
        "trigger_completion_on_sync_success": {
            "name": "trigger_completion_on_sync_success",
            "job": "completion_job",
            "when": {"jobs": ["daily_sync_job"], "match": "any"},
            "description": "监听同步Job成功后触发补全",
        },
    }


def test_they_come_along_with_the_module(guide: dict[str, Any]) -> None:
    documents = [(each.kind, each.document["name"]) for each in guide["documents"]]
    assert documents[:2] == [("pipeline", "stock_analysis"), ("job", "stock_analysis_job")]
    assert {kind for kind, _ in documents} == {"pipeline", "job", "schedule", "trigger"}
    assert len(documents) == 2 * len(JOBS) + 3
    assert {each.managed_by for each in guide["documents"]} == {"file"}


def test_the_one_body_that_asks_for_data_is_refused_with_the_way_out(guide: dict[str, Any]) -> None:
    detect_gaps_op, fetch_missing_op, merge_data_op = (
        guide[name] for name in ("detect_gaps_op", "fetch_missing_op", "merge_data_op")
    )

    def completion_job():
        """数据补全Job"""
        # 检查数据完整性
        missing_dates = detect_gaps_op()

        # 补全缺失数据
        if missing_dates:
            completed_data = fetch_missing_op(missing_dates)
            merge_data_op(completed_data)

    with pytest.raises(
        TypeError, match=r"the output of 'detect_gaps' is tested .* return `\.\.\. \| None` and leave that output out"
    ):
        job(name="completion_job", tags={"type": "completion", "depends": "sync"})(completion_job)

    def without_the_question():
        merge_data_op(fetch_missing_op(detect_gaps_op()))

    made = job(name="completion_job")(without_the_question)
    assert levels(made) == "detect_gaps > fetch_missing > merge_data"


def test_the_retries_of_the_guide(guide: dict[str, Any]) -> None:
    spec = guide["sync_ohlcv_op"].spec
    assert (spec.name, spec.retry.max_retries, spec.retry.delay, spec.tags) == ("sync_ohlcv", 3, 60, {"importance": "critical"})
    with pytest.raises(ConnectionError):
        guide["sync_ohlcv_op"]([], [])
