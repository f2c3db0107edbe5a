"""What a run gets: defaults, under the job's params, under its own; and what is said of those that do not suit."""

import json
from typing import Any

import pytest

from app.definitions.params import effective_params
from app.errors import Invalid

PIPELINE: dict[str, Any] = {
    "name": "p",
    "params": {
        "days": {"type": "integer", "default": 250, "minimum": 1, "maximum": 1000},
        "symbols": {"type": ["array", "null"], "items": {"type": "string", "minLength": 2}, "default": None},
        "start": {"type": "string", "format": "date"},
        "ratio": {"type": "number", "default": 0.5, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "side": {"enum": ["buy", "sell"], "default": "buy"},
        "token": {"type": "string", "secret": True, "default": {"$secret": "TOKEN"}},
    },
    "nodes": [],
}
START = {"start": "2026-11-20"}


def faults(job: object, run: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        effective_params(PIPELINE, job, run)
    return {fault.pointer: fault.message for fault in caught.value.faults}


def test_a_run_is_given_defaults_under_the_jobs_params_under_its_own() -> None:
    values = effective_params(PIPELINE, {"days": 20, "ratio": 0.25}, {**START, "days": 3})
    assert values == {
        "days": 3, "symbols": None, "start": "2026-11-20", "ratio": 0.25, "side": "buy", "token": {"$secret": "TOKEN"},
    }  # fmt: skip
    assert list(values) == list(PIPELINE["params"])
    assert effective_params({"name": "none", "nodes": []}, None, None) == {}


@pytest.mark.parametrize(
    ("run", "pointer", "message"),
    [
        ({"dayz": 1}, "/params/dayz", "is no param of this pipeline; did you mean 'days'?"),
        ({"days": 0}, "/params/days", "must be at least 1, not 0"),
        ({"days": 1001}, "/params/days", "must be at most 1000, not 1001"),
        ({"days": "5"}, "/params/days", "must be an integer, not '5'"),
        ({"days": 1.5}, "/params/days", "must be an integer, not 1.5"),
        ({"days": None}, "/params/days", "must be an integer, not None"),
        ({"ratio": 1}, "/params/ratio", "must be less than 1, not 1"),
        ({"ratio": float("nan")}, "/params/ratio", "is not a finite number"),
        ({"days": float("inf")}, "/params/days", "is not a finite number"),
        ({"symbols": "all"}, "/params/symbols", "must be an array or null, not 'all'"),
        ({"symbols": ["000001.XSHE", "x"]}, "/params/symbols/1", "must have at least 2 characters, not 'x'"),
        ({"symbols": ["a\0"]}, "/params/symbols/0", "holds a NUL character"),
        ({"side": "sel"}, "/params/side", "must be one of 'buy', 'sell', not 'sel'; did you mean 'sell'?"),
        ({"start": "2026-11-31"}, "/params/start", "must be a date in ISO 8601, not '2026-11-31'"),
        ({"token": "hunter2"}, "/params/token", 'is a secret: give {"$secret": "NAME"}, never its value'),
        ({"a~/b": 1}, "/params/a~0~1b", "is no param of this pipeline"),
        ({"symbols": ["x" * 1000] * 66}, "/params", "has more than 64 KB as JSON"),
    ],
)
def test_a_param_that_does_not_suit_is_named(run: dict[str, Any], pointer: str, message: str) -> None:
    assert faults({}, {**START, **run}) == {pointer: message}


def test_what_is_missing_and_what_is_wrong_come_together() -> None:
    assert faults({"ratio": 7}, {"dayz": 1}) == {
        "/params/ratio": "(set by the job) must be less than 1, not 7",
        "/params/dayz": "is no param of this pipeline; did you mean 'days'?",
        "/params/start": "is missing: the pipeline has no default for it",
    }


@pytest.mark.parametrize("run", [[], "x", 5, True])
def test_params_that_are_no_object_are_refused(run: object) -> None:
    assert faults(START, run)["/params"].startswith("must be an object, not ")


def test_a_secret_is_never_repeated_in_a_fault() -> None:
    assert "hunter2" not in json.dumps(faults({}, {**START, "token": "hunter2"}))
