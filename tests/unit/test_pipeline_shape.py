"""The shape of a pipeline: names, fields, types, limits, and text that every store can hold."""

from typing import Any

import pytest

from tests.unit.catalogue import REMOVE, broken, faults

NAME_RULE = "must be lower case letters, digits and _, beginning with a letter, at most 63 characters"
NOT_A_NAME = NAME_RULE + ", not "

CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    # names and fields
    "no name": ({"/name": REMOVE}, "/name", "is missing"),
    "upper case": ({"/name": "Stock"}, "/name", NOT_A_NAME + "'Stock'"),
    "slash": ({"/name": "a/b"}, "/name", NOT_A_NAME + "'a/b'"),
    "line end": ({"/name": "a\n"}, "/name", NOT_A_NAME + "'a\\n'"),
    "64 characters": ({"/name": "a" * 64}, "/name", NOT_A_NAME + repr("a" * 60)[:57] + "..."),
    "name is no text": ({"/name": 5}, "/name", "must be a string, not 5"),
    "unknown field": ({"/nods": []}, "/nods", "is an unknown field; did you mean 'nodes'?"),
    "pointer is escaped": ({"/a~b": 1}, "/a~0b", "is an unknown field"),
    "no nodes": ({"/nodes": REMOVE}, "/nodes", "is missing"),
    "empty nodes": ({"/nodes": []}, "/nodes", "must have at least 1 entries, not 0"),
    "nodes is an object": ({"/nodes": {"a": 1}}, "/nodes", "must be a list, not {'a': 1}"),
    "node is a text": ({"/nodes/4": "save"}, "/nodes/4", "must be an object, not 'save'"),
    "no id": ({"/nodes/4/id": REMOVE}, "/nodes/4/id", "is missing"),
    "bad id": ({"/nodes/4/id": "Save"}, "/nodes/4/id", NOT_A_NAME + "'Save'"),
    "same id": ({"/nodes/4/id": "scores"}, "/nodes/4/id", "'scores' is the id of node 3 already"),
    "unknown node field": ({"/nodes/0/parms": {}}, "/nodes/0/parms", "is an unknown field; did you mean 'params'?"),
    # limits of a node
    "retries": ({"/nodes/2/retry/max_retries": -1}, "/nodes/2/retry/max_retries", "must be at least 0, not -1"),
    "retries as text": ({"/nodes/2/retry/max_retries": "3"}, "/nodes/2/retry/max_retries", "must be an integer, not '3'"),
    "unknown backoff": (
        {"/nodes/2/retry/backoff": "cubic"},
        "/nodes/2/retry/backoff",
        "must be 'fixed', 'linear' or 'exponential', not 'cubic'",
    ),
    "unknown retry field": (
        {"/nodes/2/retry/retries": 1},
        "/nodes/2/retry/retries",
        "is an unknown field; did you mean 'max_retries'?",
    ),
    "timeout 0": ({"/nodes/2/timeout_seconds": 0}, "/nodes/2/timeout_seconds", "must be greater than 0, not 0"),
    "timeout as text": ({"/nodes/2/timeout_seconds": "600"}, "/nodes/2/timeout_seconds", "must be a number, not '600'"),
    "no slots": ({"/nodes/2/pools": {"cpu": 0}}, "/nodes/2/pools/cpu", "must be at least 1, not 0"),
    "bad pool name": ({"/nodes/2/pools": {"CPU": 1}}, "/nodes/2/pools/CPU", NOT_A_NAME + "'CPU'"),
    "tag is a number": ({"/nodes/2/tags": {"a": 1}}, "/nodes/2/tags/a", "must be a string, not 1"),
    "33 tags": (
        {"/nodes/2/tags": {f"t{n}": "" for n in range(33)}},
        "/nodes/2/tags",
        "must have at most 32 entries, not 33",
    ),
    # text, numbers, depth, size
    "NUL": ({"/description": "a\0b"}, "/description", "holds a NUL character"),
    "NUL in a key": ({"/nodes/0/params": {"a\0": 1}}, "/nodes/0/params/a\0", "its key holds a NUL character"),
    "lone surrogate": ({"/description": "a\ud800"}, "/description", "holds a lone surrogate, which is no Unicode text"),
    "not a number": ({"/params/report_days/default": float("nan")}, "/params/report_days/default", "is not a finite number"),
    "infinite": ({"/nodes/0/params/days": float("-inf")}, "/nodes/0/params/days", "is not a finite number"),
    "beyond 64 bits": ({"/nodes/0/params/days": 2**63}, "/nodes/0/params/days", "is an integer beyond 64 bits"),
    "long key": ({"/nodes/0/params": {"k" * 257: 1}}, "/nodes/0/params", "has a key of more than 256 characters"),
    "no JSON": ({"/nodes/0/params/symbols": {"a"}}, "/nodes/0/params/symbols", "is not JSON but a set"),
    "too large": ({"/nodes/0/params/symbols": ["x" * 1000] * 66}, "/nodes/0/params", "has more than 64 KB as JSON"),
}


@pytest.mark.parametrize(("changes", "pointer", "message"), CASES.values(), ids=CASES)
def test_a_fault_is_named_with_its_place_and_nothing_else_is(changes: dict[str, Any], pointer: str, message: str) -> None:
    assert faults(broken(changes)) == {pointer: message}
