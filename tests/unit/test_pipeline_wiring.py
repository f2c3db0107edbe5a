"""Ops, inputs and outputs, cycles: what a pipeline's nodes say of each other."""

from typing import Any

import pytest

from tests.unit.catalogue import REMOVE, broken, faults

CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    # ops
    "unknown op": (
        {"/nodes/0/op": "load_markt_data"},
        "/nodes/0/op",
        "there is no op 'load_markt_data'; did you mean 'load_market_data'?",
    ),
    "unknown alias": (
        {"/nodes/4/op": "save_result_op"},
        "/nodes/4/op",
        "there is no op 'save_result_op'; did you mean 'save_results_op'?",
    ),
    "nothing like it": ({"/nodes/4/op": "zzz"}, "/nodes/4/op", "there is no op 'zzz'"),
    # inputs
    "missing input": ({"/nodes/1/inputs": REMOVE}, "/nodes/1/inputs/data", "is missing: op 'validate_data_quality' needs it"),
    "unknown input": (
        {"/nodes/3/inputs/weigts": "load"},
        "/nodes/3/inputs/weigts",
        "op 'calculate_scores' has no input 'weigts'; did you mean 'weights'?",
    ),
    "unknown node": ({"/nodes/1/inputs/data": "laod"}, "/nodes/1/inputs/data", "there is no node 'laod'; did you mean 'load'?"),
    "unknown output": (
        {"/nodes/0": {"id": "load", "op": "load_market_data"}, "/nodes/1/inputs/data": "load.rows"},
        "/nodes/1/inputs/data",
        "node 'load' has no output 'rows' (name the node alone)",
    ),
    "no such grammar": (
        {"/nodes/1/inputs/data": "load.a.b"},
        "/nodes/1/inputs/data",
        "must be 'node' or 'node.output', not 'load.a.b'",
    ),
    "output without a name": (
        {"/nodes/1/inputs/data": "load."},
        "/nodes/1/inputs/data",
        "must be 'node' or 'node.output', not 'load.'",
    ),
    "input is a number": ({"/nodes/1/inputs/data": 3}, "/nodes/1/inputs/data", "must be a string, not 3"),
    "inputs is a list": ({"/nodes/1/inputs": ["load"]}, "/nodes/1/inputs", "must be an object, not ['load']"),
    "nothing returned": (
        {"/nodes/1/inputs/data": "save", "/nodes/4/inputs/scores": "load"},
        "/nodes/1/inputs/data",
        "node 'save' has no output: op 'save_results' returns nothing",
    ),
    "value for data": (
        {"/nodes/2": {"id": "indicators", "op": "count", "inputs": {"data": "validate"}}},
        "/nodes/3/inputs/indicators",
        "'indicators' is a value (int), the input takes a dataset (Dataset)",
    ),
    "data for a value": (
        {"/nodes/3/inputs/weights": "load"},
        "/nodes/3/inputs/weights",
        "'load' is a dataset (Dataset), the input takes a value (dict)",
    ),
    # cycles
    "cycle": (
        {"/nodes/1/inputs/data": "indicators"},
        "/nodes/1/inputs/data",
        "closes a cycle: validate -> indicators -> validate",
    ),
    "own output": ({"/nodes/1/inputs/data": "validate"}, "/nodes/1/inputs/data", "closes a cycle: validate -> validate"),
    "long cycle": (
        {"/nodes/1/inputs/data": "scores"},
        "/nodes/1/inputs/data",
        "closes a cycle: validate -> indicators -> scores -> validate",
    ),
}


@pytest.mark.parametrize(("changes", "pointer", "message"), CASES.values(), ids=CASES)
def test_a_fault_is_named_with_its_place_and_nothing_else_is(changes: dict[str, Any], pointer: str, message: str) -> None:
    assert faults(broken(changes)) == {pointer: message}
