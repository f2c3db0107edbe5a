"""The job's document: its fields, its params against its pipeline, its priority."""

from typing import Any

import pytest

from app.definitions.job import document_priority, parse_job
from app.errors import Invalid
from tests.unit.catalogue import parsed, stock_analysis

FULL = {
    "name": "stock_analysis_job",
    "pipeline": "stock_analysis",
    "pipeline_version": 3,
    "params": {"report_days": 20},
    "tags": {"type": "analysis"},
    "priority": "high",
    "max_concurrent_runs": 2,
    "timeout_seconds": 3600,
    "memory_limit_bytes": 2**30,
    "retry": {"max_retries": 2},
    "calendar": "XSHG",
    "stands_for": "scoring_save_job",
    "description": "Twenty days.",
    "owner": "quant",
    "runbook": "Look at the vendor's status page first.",
}


def faults(changes: dict[str, Any], **options: Any) -> dict[str, str]:
    document = {key: value for key, value in {**FULL, **changes}.items() if value is not ...}
    with pytest.raises(Invalid) as caught:
        parse_job(document, parsed(stock_analysis()).document, **options)
    return {fault.pointer: fault.message for fault in caught.value.faults}


def test_a_job_has_every_field_of_its_document() -> None:
    job = parse_job(FULL, parsed(stock_analysis()).document, pipelines=["stock_analysis"])
    assert job.document == {**FULL, "timeout_seconds": 3600.0}
    assert (job.name, job.pipeline, job.pipeline_version, job.priority) == ("stock_analysis_job", "stock_analysis", 3, 80)
    assert job.retry is not None
    assert job.retry.max_retries == 2


def test_a_job_is_a_name_and_a_pipeline_at_least() -> None:
    job = parse_job({"name": "j", "pipeline": "p", "max_concurrent_runs": 1, "params": {}})
    assert job.document == {"name": "j", "pipeline": "p"}
    assert (job.priority, job.max_concurrent_runs, job.retry, job.calendar) == (50, 1, None, None)


def test_a_param_without_a_default_may_be_left_to_the_run() -> None:
    document = stock_analysis()
    del document["params"]["report_days"]["default"]
    assert parse_job({"name": "j", "pipeline": "p"}, parsed(document).document).params == {}


@pytest.mark.parametrize(
    ("document", "priority"),
    [
        ({}, 50),
        ({"priority": 0}, 0),
        ({"priority": 100}, 100),
        ({"priority": "low"}, 20),
        ({"tags": {"priority": "high"}}, 80),
        ({"tags": {"priority": "75"}}, 75),
        ({"tags": {"priority": "high"}, "priority": 10}, 10),
        ({"tags": {"priority": "high"}, "priority": 0}, 0),
    ],
)
def test_a_priority_is_a_number_a_word_or_a_tag(document: dict[str, Any], priority: int) -> None:
    job = parse_job({"name": "j", "pipeline": "p", **document})
    assert job.priority == priority == document_priority(job.document)


RULE = "must be 0 to 100, or high, medium, low, not "


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"name": ...}, "/name", "is missing"),
        ({"pipeline": ...}, "/pipeline", "is missing"),
        ({"pipelin": "x"}, "/pipelin", "is an unknown field; did you mean 'pipeline'?"),
        ({"pipeline_version": 0}, "/pipeline_version", "must be at least 1, not 0"),
        ({"params": {"report_day": 1}}, "/params/report_day", "is no param of this pipeline; did you mean 'report_days'?"),
        ({"params": {"report_days": 0}}, "/params/report_days", "must be at least 1, not 0"),
        ({"params": []}, "/params", "must be an object, not []"),
        ({"priority": 101}, "/priority", RULE + "101"),
        ({"priority": True}, "/priority", RULE + "True"),
        ({"priority": "urgent"}, "/priority", RULE + "'urgent'"),
        ({"priority": 50.0}, "/priority", RULE + "50.0"),
        ({"tags": {"priority": "urgent"}}, "/tags/priority", RULE + "'urgent': this tag sets the priority"),
        ({"tags": {"priority": "101"}}, "/tags/priority", RULE + "'101': this tag sets the priority"),
        ({"tags": {"a": None}}, "/tags/a", "must be a string, not None"),
        ({"tags": {"": "a"}}, "/tags/", "must have at least 1 character, not ''"),
        ({"max_concurrent_runs": 0}, "/max_concurrent_runs", "must be at least 1, not 0"),
        ({"max_concurrent_runs": 1.5}, "/max_concurrent_runs", "must be an integer, not 1.5"),
        ({"timeout_seconds": -1}, "/timeout_seconds", "must be greater than 0, not -1"),
        ({"timeout_seconds": 8 * 86_400}, "/timeout_seconds", "must be at most 604800, not 691200"),
        ({"memory_limit_bytes": 1000}, "/memory_limit_bytes", "must be at least 67108864, not 1000"),
        ({"retry": 3}, "/retry", "must be an object, not 3"),
        ({"retry": {"max_retries": 101}}, "/retry/max_retries", "must be at most 100, not 101"),
        ({"calendar": "XSHH"}, "/calendar", "there is no calendar 'XSHH'; did you mean 'XSHG'?"),
        ({"calendar": "xshe"}, "/calendar", "there is no calendar 'xshe'; did you mean 'XSHE'?"),
        ({"calendar": 1}, "/calendar", "must be a string, not 1"),
        ({"description": "a\0"}, "/description", "holds a NUL character"),
    ],
)
def test_a_fault_is_named_with_its_place_and_nothing_else_is(changes: dict[str, Any], pointer: str, message: str) -> None:
    assert faults(changes) == {pointer: message}


def test_all_faults_come_at_once() -> None:
    found = faults({"name": "A", "params": {"x": 1}, "calendar": "NYSE", "tags": {"priority": "x"}, "priority": -1, "owner": 1})
    assert set(found) == {"/name", "/params/x", "/calendar", "/tags/priority", "/priority", "/owner"}


def test_a_pipeline_that_is_not_there_is_a_fault_when_the_known_ones_are_given() -> None:
    assert faults({}, pipelines=["stock_analyses"]) == {
        "/pipeline": "there is no pipeline 'stock_analysis'; did you mean 'stock_analyses'?"
    }
    with pytest.raises(Invalid) as caught:
        parse_job(FULL, None, pipelines=["stock_analysis"])
    assert [(fault.pointer, fault.message) for fault in caught.value.faults] == [
        ("/pipeline_version", "the pipeline 'stock_analysis' has no version 3")
    ]


def test_the_job_stood_for_is_another_one_that_is_there() -> None:
    itself = {"stands_for": "stock_analysis_job"}
    assert faults(itself)["/stands_for"].startswith("'stock_analysis_job' stands for itself anyway")
    assert faults({}, jobs=["scoring_save_jobs"]) == {
        "/stands_for": "there is no job 'scoring_save_job'; did you mean 'scoring_save_jobs'?"
    }
    assert parse_job(FULL, jobs=["scoring_save_job"]).document["stands_for"] == "scoring_save_job"


def test_a_key_that_is_no_text_is_all_that_is_said() -> None:
    # What else is wrong cannot be known: pydantic gives up on an object with such a key.
    assert faults({"pipeline": None, "\ud800": 1}, pipelines=["stock_analysis"]) == {
        "/\\ud800": "its key holds a lone surrogate, which is no Unicode text"
    }
