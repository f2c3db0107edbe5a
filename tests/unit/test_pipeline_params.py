"""Params: those of a node against its op, placeholders, and their declarations."""

from typing import Any

import pytest

from tests.unit.catalogue import broken, faults

NAME_RULE = "must be lower case letters, digits and _, beginning with a letter, at most 63 characters"

CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    # params of nodes
    "unknown param": ({"/nodes/0/params/day": 3}, "/nodes/0/params/day", "is unknown; did you mean 'days'?"),
    "param of an op without": ({"/nodes/4/params": {"x": 1}}, "/nodes/4/params/x", "is unknown"),
    "wrong type": ({"/nodes/3/params": {"min_factors": "3"}}, "/nodes/3/params/min_factors", "must be an integer, not '3'"),
    "truth is no integer": (
        {"/nodes/3/params": {"min_factors": True}},
        "/nodes/3/params/min_factors",
        "must be an integer, not True",
    ),
    "wrong alternative": ({"/nodes/0/params/days": "x"}, "/nodes/0/params/days", "must be an integer or null, not 'x'"),
    "wrong item": ({"/nodes/0/params/symbols": ["a", 1]}, "/nodes/0/params/symbols/1", "must be a string, not 1"),
    "not in the list": (
        {"/nodes/2/params": {"adjust": "posts"}},
        "/nodes/2/params/adjust",
        "must be one of 'pre', 'post', not 'posts'; did you mean 'post'?",
    ),
    "no such day": (
        {"/nodes/0/params/start": "2026-02-30"},
        "/nodes/0/params/start",
        "must be a date in ISO 8601, not '2026-02-30'",
    ),
    "day without dashes": (
        {"/nodes/0/params/start": "20261120"},
        "/nodes/0/params/start",
        "must be a date in ISO 8601, not '20261120'",
    ),
    "params is a list": ({"/nodes/0/params": [1]}, "/nodes/0/params", "must be an object, not [1]"),
    # placeholders
    "unknown placeholder": (
        {"/nodes/0/params/days": "${params.report_day}"},
        "/nodes/0/params/days",
        "the pipeline declares no param 'report_day'; did you mean 'report_days'?",
    ),
    "part of a text": (
        {"/nodes/0/params/symbols": ["x ${params.report_days}"]},
        "/nodes/0/params/symbols/0",
        "a placeholder replaces a whole value, it cannot be a part of 'x ${params.report_days}'",
    ),
    "of a trigger": (
        {"/nodes/0/params/days": "${event.days}"},
        "/nodes/0/params/days",
        "'${event.days}' is no placeholder: a pipeline knows ${params.<name>} only",
    ),
    "an expression": (
        {"/nodes/0/params/days": "${params.report_days + 1}"},
        "/nodes/0/params/days",
        "'${params.report_days + 1}' is no placeholder: a pipeline knows ${params.<name>} only",
    ),
    "type does not suit": (
        {"/params/note": {"type": "string"}, "/nodes/3/params": {"min_factors": "${params.note}"}},
        "/nodes/3/params/min_factors",
        "params.note is declared as a string, op 'calculate_scores' takes an integer",
    ),
    "type may not suit": (
        {"/params/few": {"type": ["integer", "null"]}, "/nodes/3/params": {"min_factors": "${params.few}"}},
        "/nodes/3/params/min_factors",
        "params.few is declared as an integer or null, op 'calculate_scores' takes an integer",
    ),
    "default does not suit": (
        {"/params/side": {"type": "string", "default": "both"}, "/nodes/2/params": {"adjust": "${params.side}"}},
        "/nodes/2/params/adjust",
        "must be one of 'pre', 'post', not 'both' (the default of params.side)",
    ),
    # declarations
    "no such type": (
        {"/params/report_days/type": "int"},
        "/params/report_days/type",
        "must be string, integer, number, boolean, array, object, null, or a list of them",
    ),
    "unknown keyword": (
        {"/params/report_days/minimun": 1},
        "/params/report_days/minimun",
        "is an unknown field; did you mean 'minimum'?",
    ),
    "default too small": ({"/params/report_days/default": 0}, "/params/report_days/default", "must be at least 1, not 0"),
    "default null": ({"/params/report_days/default": None}, "/params/report_days/default", "must be an integer, not None"),
    "bad param name": (
        {"/params/Days": {}},
        "/params/Days",
        "is no name for a param: it " + NAME_RULE,
    ),
    "declaration is a number": ({"/params/days": 3}, "/params/days", "must be an object, not 3"),
    "items declared badly": (
        {"/params/names": {"type": "array", "items": {"type": "text"}}},
        "/params/names/items/type",
        "must be string, integer, number, boolean, array, object, null, or a list of them",
    ),
    "no pattern": ({"/params/code": {"type": "string", "pattern": "(a+)+$"}}, "/params/code/pattern", "is an unknown field"),
    "secret with a default": (
        {"/params/token": {"type": "string", "secret": True, "default": "hunter2"}},
        "/params/token/default",
        'is a secret: give {"$secret": "NAME"}, never its value',
    ),
}


@pytest.mark.parametrize(("changes", "pointer", "message"), CASES.values(), ids=CASES)
def test_a_fault_is_named_with_its_place_and_nothing_else_is(changes: dict[str, Any], pointer: str, message: str) -> None:
    assert faults(broken(changes)) == {pointer: message}
