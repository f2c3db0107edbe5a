"""The trigger's document, and the pool's: four forms of `when`, placeholders, and what is said of a bad one."""

import json
import re
from typing import Any

import pytest

from app.definitions.pool import parse_pool
from app.definitions.trigger import parse_trigger
from app.errors import Invalid
from tests.unit.catalogue import parsed, stock_analysis

JOBS = {"name": "t", "job": "completion_job", "when": {"jobs": ["daily_sync_job"]}}
EVENT = {"name": "t", "job": "j", "when": {"event": "factors_changed"}}
VENDOR = {"name": "t", "job": "j", "when": {"vendor_ready": {"dataset": "daily_bars", "from": "close+30m", "until": "22:00"}}}


def faults(document: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse_trigger(document, *arguments, **options)
    return {fault.pointer: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(
    "document",
    [
        JOBS,
        {**JOBS, "when": {"jobs": ["a", "b"], "status": "failed", "match": "any"}, "on_rerun": "always"},
        {
            **JOBS,
            "params": {"start": "${upstream.trade_date}", "days": "${upstream.params.days}", "list": ["${upstream.trade_date}"]},
        },
        EVENT,
        {**EVENT, "params": {"symbols": "${event.symbols}", "x": "${HOME} is not ours"}, "paused": True},
        VENDOR,
        {**EVENT, "when": {"file": {"glob": "/inbox/*.parquet"}}, "description": "d"},
    ],
)
def test_a_good_trigger_is_its_own_canonical_form(document: dict[str, Any]) -> None:
    assert parse_trigger({**document, "on_rerun": document.get("on_rerun", "if_changed")}).document == document


@pytest.mark.parametrize(
    "good", [JOBS, EVENT, VENDOR, {**EVENT, "when": {"file": {"glob": "/x"}}}], ids=lambda one: next(iter(one["when"]))
)
def test_a_fault_comes_with_an_example_of_that_form(good: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_trigger({**good, "on_rerun": "no"})
    (example,) = re.findall(r'"when": ({.*?}+)', caught.value.hint or "")
    shown = json.loads(example if example.count("{") == example.count("}") else example[:-1])
    assert list(shown) == list(good["when"])
    parse_trigger({**good, "when": shown})


def test_what_is_said_by_default_is_left_out() -> None:
    assert parse_trigger({**JOBS, "when": {"jobs": ["daily_sync_job"], "status": "succeeded", "match": "all"}}).document == JOBS


FORMS = "must have exactly one of jobs, event, file, vendor_ready"
NONE = "is none of ${event.x}, ${upstream.trade_date}, ${upstream.params.x}"


@pytest.mark.parametrize(
    ("document", "pointer", "message"),
    [
        ({"name": "t", "job": "j"}, "/when", "is missing"),
        ({**JOBS, "when": {}}, "/when", FORMS),
        ({**JOBS, "when": {"job": ["a"]}}, "/when", FORMS + "; did you mean 'jobs'?"),
        ({**JOBS, "when": {"jobs": ["a"], "event": "e"}}, "/when", FORMS),
        ({**JOBS, "when": {"jobs": []}}, "/when/jobs", "must have at least 1 entries, not 0"),
        ({**JOBS, "when": {"jobs": "a"}}, "/when/jobs", "must be a list, not 'a'"),
        ({**JOBS, "when": {"jobs": ["a", "completion_job"]}}, "/when/jobs/1", "'completion_job' would start itself for ever"),
        ({**JOBS, "when": {"jobs": ["a", "a"]}}, "/when/jobs/1", "'a' is listed already"),
        (
            {**JOBS, "when": {"jobs": ["a"], "status": "success"}},
            "/when/status",
            "must be 'succeeded', 'failed' or 'cancelled', not 'success'",
        ),
        ({**JOBS, "when": {"jobs": ["a"], "statuss": 1}}, "/when/statuss", "is an unknown field; did you mean 'status'?"),
        ({**JOBS, "on_rerun": "yes"}, "/on_rerun", "must be 'if_changed', 'always' or 'never', not 'yes'"),
        (
            {**EVENT, "when": {"file": {"glob": "in/*.csv"}}},
            "/when/file/glob",
            "must begin with /, as /data/in/*.parquet does, not 'in/*.csv'",
        ),
        (
            {**EVENT, "when": {"vendor_ready": {"dataset": "d", "from": "18:00", "until": "17:00"}}},
            "/when/vendor_ready/until",
            "lies before from (18:00); for example from close+30m until 22:00",
        ),
        ({**EVENT, "when": {"file": {"glob": ""}}}, "/when/file/glob", "must have at least 1 character, not ''"),
        ({**EVENT, "when": {"vendor_ready": {"dataset": "d", "from": "09:00"}}}, "/when/vendor_ready/until", "is missing"),
        (
            {**EVENT, "when": {"vendor_ready": {"dataset": "d", "frm": "09:00", "from": "09:00", "until": "10:00"}}},
            "/when/vendor_ready/frm",
            "is an unknown field; did you mean 'from'?",
        ),
        (
            {**EVENT, "params": {"a": "x${event.x}"}},
            "/params/a",
            "a placeholder replaces a whole value, it cannot be a part of 'x${event.x}'",
        ),
        ({**EVENT, "params": {"a": ["${params.x}"]}}, "/params/a/0", "'${params.x}' " + NONE),
        ({**JOBS, "params": {"a": "${upstream.job}"}}, "/params/a", "'${upstream.job}' " + NONE),
        ({**JOBS, "params": {"a": "${event.x}"}}, "/params/a", "'${event.x}' needs an event; this trigger knows ${upstream.…}"),
        (
            {**EVENT, "params": {"a": "${upstream.trade_date}"}},
            "/params/a",
            "'${upstream.trade_date}' needs an upstream run; this trigger knows ${event.…}",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_nothing_else_is(document: dict[str, Any], pointer: str, message: str) -> None:
    assert faults(document) == {pointer: message}


def test_its_jobs_must_be_known_and_its_settled_params_must_suit_when_they_can_be_looked_up() -> None:
    assert faults(JOBS, ["daily_syn_job"]) == {
        "/when/jobs/0": "there is no job 'daily_sync_job'; did you mean 'daily_syn_job'?",
        "/job": "there is no job 'completion_job'; there is daily_syn_job",
    }
    pipeline_of = {"j": parsed(stock_analysis()).document}.__getitem__
    parse_trigger({**EVENT, "params": {"report_days": "${event.days}"}}, ["j"], pipeline_of=pipeline_of)
    assert faults({**EVENT, "params": {"report_days": "many"}}, ["j"], pipeline_of=pipeline_of) == {
        "/params/report_days": "must be an integer, not 'many'"
    }


def test_a_param_that_is_filled_in_later_must_exist_all_the_same() -> None:
    pipeline_of = {"j": parsed(stock_analysis()).document}.__getitem__
    assert faults({**EVENT, "params": {"days": "${event.days}"}}, ["j"], pipeline_of=pipeline_of) == {
        "/params/days": "is no param of this pipeline"
    }


def test_a_pool_has_a_name_and_a_size() -> None:
    assert parse_pool({"name": "rqdata", "size": 1, "description": ""}).document == {"name": "rqdata", "size": 1}
    with pytest.raises(Invalid) as caught:
        parse_pool({"name": "job:a", "size": True, "siz": 1})
    assert {fault.pointer for fault in caught.value.faults} == {"/name", "/size", "/siz"}
