"""Many faults in one pipeline: all at once, none twice, none that only follows from another; and bounded."""

import json
from typing import Any

import pytest

from app.definitions.pipeline import NODES_LIMIT
from tests.unit.catalogue import broken, faults, parsed, stock_analysis


def test_all_faults_come_at_once_of_shape_and_of_meaning() -> None:
    found = faults(
        broken(
            {
                "/name": "Stock",
                "/nodes/0/op": "load_markt_data",
                "/nodes/1/inputs/data": "laod",
                "/nodes/2/timeout_seconds": "600",
                "/nodes/2/params": {"adjst": "pre"},
                "/nodes/3/inputs/indicators": "scores",
                "/params/report_days/type": "int",
            }
        )
    )
    assert set(found) == {
        "/name",
        "/nodes/0/op",
        "/nodes/1/inputs/data",
        "/nodes/2/timeout_seconds",
        "/nodes/2/params/adjst",
        "/nodes/3/inputs/indicators",
        "/params/report_days/type",
    }


def test_a_part_that_is_wrong_in_shape_brings_no_faults_of_meaning_along() -> None:
    # The node's inputs cannot be read: that one is missing from them must not be said too.
    assert set(faults(broken({"/nodes/3/inputs": {"indicators": 5}}))) == {"/nodes/3/inputs/indicators"}
    # The node has no readable op: whoever names it as an input is not at fault.
    assert set(faults(broken({"/nodes/3/op": 5}))) == {"/nodes/3/op"}
    # The declaration is wrong: what uses the param is not.
    assert set(faults(broken({"/params/report_days": {"type": "text"}}))) == {"/params/report_days/type"}


def test_each_of_several_cycles_is_named() -> None:
    changes = {"/nodes/1/inputs/data": "indicators", "/nodes/3/inputs/indicators": "scores"}
    assert faults(broken(changes)) == {
        "/nodes/1/inputs/data": "closes a cycle: validate -> indicators -> validate",
        "/nodes/3/inputs/indicators": "closes a cycle: scores -> scores",
    }


def test_named_outputs_must_be_named() -> None:
    document = stock_analysis()
    document["nodes"][1] = {"id": "validate", "op": "split", "inputs": {"data": "load"}, "params": {"ratio": 0.5}}
    assert faults(document) == {
        "/nodes/2/inputs/data": "node 'validate' has several outputs: name one of validate.good, validate.bad"
    }
    document["nodes"][2]["inputs"]["data"] = "validate.goood"
    assert faults(document) == {"/nodes/2/inputs/data": "node 'validate' has no output 'goood'; did you mean 'good'?"}
    document["nodes"][2]["inputs"]["data"] = "validate.good"
    parsed(document)


def test_a_required_param_must_be_given() -> None:
    document = stock_analysis()
    document["nodes"][1] = {"id": "validate", "op": "split", "inputs": {"data": "load"}}
    document["nodes"][2]["inputs"]["data"] = "validate.good"
    assert faults(document) == {"/nodes/1/params/ratio": "is missing"}


def test_unknown_pools_are_faults_when_the_known_ones_are_given() -> None:
    document = stock_analysis()
    document["nodes"][0] = {"id": "load", "op": "fetch", "params": {"token": {"$secret": "TOKEN"}}}
    assert faults(document, pools={"cpus": 1}) == {
        "/nodes/0/op": "op 'fetch' needs the pool 'vendor', which is not there",
        "/nodes/2/pools/cpu": "there is no pool 'cpu'; did you mean 'cpus'?",
    }


def test_more_slots_than_a_pool_has_is_a_fault() -> None:
    document = stock_analysis()
    document["nodes"][0] = {"id": "load", "op": "fetch", "params": {"token": {"$secret": "TOKEN"}}}
    document["nodes"][2]["pools"] = {"cpu": 5}
    faulty = faults(document, pools={"cpu": 1, "vendor": 1})
    assert faulty["/nodes/2/pools/cpu"] == "needs 5 slots of the pool 'cpu', which has only 1: it would wait for ever"
    for size in (5, 0):
        assert "cpu" not in str(faults(document, pools={"cpu": size})), "a closed pool says nothing of how large it will be"


def test_a_secret_is_named_and_never_written_down() -> None:
    document = stock_analysis()
    document["nodes"][0] = {"id": "load", "op": "fetch", "params": {"token": "hunter2"}}
    assert faults(document) == {
        "/nodes/0/params/token": 'is a secret: give {"$secret": "NAME"} or the placeholder of a secret param'
    }
    document["nodes"][0]["params"]["token"] = "${params.token}"
    document["params"]["token"] = {"type": "string", "secret": True}
    parsed(document)


def test_a_default_that_names_a_secret_is_no_value_to_check() -> None:
    parsed(
        {
            "name": "a",
            "params": {"token": {"type": "string", "secret": True, "default": {"$secret": "TOKEN"}}},
            "nodes": [{"id": "load", "op": "fetch", "params": {"token": "${params.token}"}}],
        }
    )


def test_what_a_run_will_fill_in_makes_nothing_around_it_a_fault() -> None:
    document: dict[str, Any] = {
        "name": "a",
        "params": {"name": {"type": "string"}, "rows": {"type": "integer", "default": 1}},
        "nodes": [
            # Neither alternative holds while the name is not known: the fault would be the whole list's.
            {"id": "load", "op": "choose", "params": {"either": ["x", "${params.name}"]}},
            # An integer is a number.
            {"id": "split", "op": "split", "inputs": {"data": "load"}, "params": {"ratio": "${params.rows}"}},
        ],
    }
    parsed(document)
    document["nodes"][0]["params"]["either"] = ["x", 1]
    assert faults(document) == {"/nodes/0/params/either": "suits none of the forms that are allowed here: ['x', 1]"}


def test_a_set_may_be_given_with_repeats() -> None:
    parsed({"name": "a", "nodes": [{"id": "load", "op": "choose", "params": {"names": ["x", "x"]}}]})


def test_declarations_are_bounded() -> None:
    many = {f"p{index}": {} for index in range(201)}
    assert faults({**stock_analysis(), "params": many}) == {
        "/params": "declares 201 params; at most 200 are allowed",
        "/nodes/0/params/days": "the pipeline declares no param 'report_days'",
    }
    long = {"report_days": {"type": "integer"}, **{f"p{index}": {"description": "x" * 9_000} for index in range(8)}}
    assert faults({**stock_analysis(), "params": long}) == {"/params": "has more than 64 KB as JSON"}


@pytest.mark.parametrize("document", [None, True, 5, "text", [], [1], [[{}]]])
def test_what_is_no_object_is_refused_as_a_whole(document: object) -> None:
    assert list(faults(document)) == [""]


def test_deep_nesting_is_refused_at_the_depth_where_it_begins() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    document = broken({"/nodes/0/params/symbols": deep})
    # Four containers stand around the params: the document, the nodes, the node, its params.
    assert faults(document) == {"/nodes/0/params/symbols" + "/0" * 28: "is nested more than 32 deep"}
    deep = 1
    for _ in range(28):
        deep = [deep]
    assert "nested" not in json.dumps(faults(broken({"/nodes/0/params/symbols": deep})))


def test_too_many_nodes_are_refused_before_any_is_looked_at() -> None:
    nodes: list[Any] = [{"id": f"n{index}", "op": "load_market_data"} for index in range(NODES_LIMIT)]
    assert len(parsed({"name": "wide", "nodes": nodes}).nodes) == NODES_LIMIT
    nodes.extend([{"no": "node"}] * 9_500)
    assert faults({"name": "wide", "nodes": nodes}) == {"/nodes": "has 10000 nodes; at most 500 are allowed"}


def test_an_answer_is_bounded_however_many_faults_there_are() -> None:
    document = {**stock_analysis(), **{f"x{index}": 1 for index in range(3000)}}
    found = list(faults(document).items())
    assert len(found) == 1001
    assert found[-1] == ("", "and 2000 more")
    # Suggestions cost a comparison with every known name; the first fifty are enough.
    assert (
        sum("did you mean" in message for message in faults({**stock_analysis(), **{f"names{n}": 1 for n in range(80)}}).values())
        == 50
    )


def test_a_fault_can_be_written_down_even_when_its_place_cannot() -> None:
    found = faults(broken({"/nodes/0/params": {"\ud800": 1}}))
    json.dumps(list(found.items()), ensure_ascii=False).encode()
    assert any(pointer == "/nodes/0/params/\\ud800" for pointer in found)
