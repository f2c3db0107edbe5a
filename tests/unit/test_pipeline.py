"""What a valid pipeline becomes: its canonical form, its hash, its order, its resolved nodes, its limits."""

import json
from typing import Any

from app.definitions.catalogue import Catalogue
from app.definitions.graph import downstream, graph
from app.definitions.params import effective_params
from app.definitions.pipeline import content_hash, pools_needed, resolve
from tests.unit.catalogue import CATALOGUE, parsed, stock_analysis


def test_the_canonical_document_leaves_defaults_out_and_is_its_own_canonical_form() -> None:
    document = stock_analysis()
    document["nodes"][0] |= {"inputs": {}, "pools": {}, "tags": {}, "retry": None, "timeout_seconds": None}
    assert parsed(document).document == parsed(stock_analysis()).document
    assert parsed(parsed(document).document).document == parsed(document).document
    assert parsed({"name": "a", "nodes": [{"id": "l", "op": "load_market_data"}]}).document == {
        "name": "a",
        "nodes": [{"id": "l", "op": "load_market_data"}],
    }


def test_the_canonical_document_shares_nothing_that_the_sender_might_change() -> None:
    document = stock_analysis()
    canonical = parsed(document).document
    before = json.dumps(canonical)
    document["params"]["report_days"]["default"] = 7
    document["nodes"][0]["params"]["days"] = 7
    document["nodes"][1]["inputs"]["data"] = "scores"
    assert json.dumps(canonical) == before


def test_the_same_document_has_the_same_hash_whatever_the_order_of_its_keys() -> None:
    canonical = parsed(stock_analysis()).document
    turned = json.loads(json.dumps({key: canonical[key] for key in reversed(canonical)}))
    assert content_hash(turned) == content_hash(canonical)
    changed = stock_analysis()
    changed["nodes"][2]["timeout_seconds"] = 601
    assert content_hash(parsed(changed).document) != content_hash(canonical)


def test_a_hash_never_changes_between_releases() -> None:
    # Stored hashes decide whether a document is the same: another value here gives every user a second version of everything.
    assert content_hash(parsed(stock_analysis()).document) == "209e8023a7d875d6cb390d7201acda16933559c80ceb232a59201cd7302215d0"


def test_nodes_stand_behind_what_feeds_them_else_as_they_were_sent() -> None:
    document = stock_analysis()
    document["nodes"].reverse()
    document["nodes"].append({"id": "alone", "op": "load_market_data"})
    pipeline = parsed(document)
    assert [node.id for node in pipeline.nodes] == ["load", "validate", "indicators", "scores", "save", "alone"]
    assert [node["id"] for node in resolve(pipeline.document, {"report_days": 1})] == [node.id for node in pipeline.nodes]
    # The document itself stays as it was sent.
    assert [node["id"] for node in pipeline.document["nodes"]] == ["save", "scores", "indicators", "validate", "load", "alone"]


def test_resolving_replaces_whole_values_at_any_depth_and_leaves_the_document_alone() -> None:
    document: dict[str, Any] = {
        "name": "deep",
        "params": {"one": {"type": "string"}, "many": {"type": "array", "items": {"type": "string"}}},
        "nodes": [
            {"id": "a", "op": "load_market_data", "params": {"symbols": "${params.many}"}},
            {"id": "b", "op": "load_market_data_op", "params": {"symbols": ["${params.one}", "x", "${HOME} is not ours"]}},
            {"id": "c", "op": "untyped", "inputs": {"data": "a.result"}, "params": {"setting": {"k": [{"v": "${params.one}"}]}}},
        ],
    }
    pipeline = parsed(document)
    before = json.dumps(pipeline.document)
    nodes = resolve(pipeline.document, {"one": "1", "many": ["2", "3"]})
    assert [node["params"] for node in nodes] == [
        {"symbols": ["2", "3"]},
        {"symbols": ["1", "x", "${HOME} is not ours"]},
        {"setting": {"k": [{"v": "1"}]}},
    ]
    assert json.dumps(pipeline.document) == before
    # A value that looks like a placeholder is a value: what a run is given is never read again.
    assert resolve(pipeline.document, {"one": "${params.many}", "many": []})[2]["params"] == {
        "setting": {"k": [{"v": "${params.many}"}]}
    }


def test_a_resolved_node_has_what_a_step_needs() -> None:
    assert resolve(parsed(stock_analysis()).document, {"report_days": 5})[2] == {
        "id": "indicators",
        "op": "calculate_indicators",
        "inputs": {"data": ["validate", ""]},
        "params": {},
        "retry": {"max_retries": 3, "delay": 60.0, "backoff": "exponential", "jitter": "full"},
        "timeout_seconds": 600.0,
        "pools": {"cpu": 1},
        "tags": {"importance": "critical"},
    }


def test_an_only_output_has_the_empty_name_and_a_named_one_its_own() -> None:
    document = {
        "name": "parts",
        "nodes": [
            {"id": "load", "op": "load_market_data"},
            {"id": "parts", "op": "split", "inputs": {"data": "load.result"}, "params": {"ratio": 0.5}},
            {"id": "save", "op": "save_results", "inputs": {"scores": "parts.bad"}},
        ],
    }
    nodes = resolve(parsed(document).document, {})
    assert [node["inputs"] for node in nodes] == [{}, {"data": ["load", ""]}, {"scores": ["parts", "bad"]}]


def test_the_schema_of_its_params_accepts_what_effective_params_accepts() -> None:
    document = stock_analysis()
    document["params"] |= {"start": {"type": "string", "format": "date"}, "token": {"type": "string", "secret": True}}
    pipeline = parsed(document)
    assert pipeline.params_schema() == {
        "type": "object",
        "properties": {
            "report_days": {"type": "integer", "default": 250, "minimum": 1},
            "start": {"type": "string", "format": "date"},
            "token": {"type": "string", "writeOnly": True},
        },
        "required": ["start", "token"],
        "additionalProperties": False,
    }
    assert effective_params(pipeline.document, {"start": "2026-01-05"}, {"token": {"$secret": "T"}}) == {
        "report_days": 250,
        "start": "2026-01-05",
        "token": {"$secret": "T"},
    }


def test_a_run_holds_the_most_that_one_of_its_nodes_wants_of_a_pool() -> None:
    document = stock_analysis()
    document["nodes"][0] = {"id": "load", "op": "fetch", "params": {"token": {"$secret": "T"}}}
    document["nodes"][1]["pools"] = {"cpu": 3, "vendor": 2}
    pipeline = parsed(document)
    assert pools_needed(pipeline.document, {"name": "j"}, CATALOGUE) == {"job:j": 1, "vendor": 2, "cpu": 3}
    # A node's own word stands over its op's; an op that the catalogue lost asks for nothing.
    document["nodes"][0]["pools"] = {"vendor": 4}
    assert pools_needed(parsed(document).document, {"name": "j"}, CATALOGUE)["vendor"] == 4
    assert pools_needed(pipeline.document, {"name": "j"}, Catalogue()) == {"job:j": 1, "vendor": 2, "cpu": 3}


def test_the_graph_has_levels_edges_and_outputs() -> None:
    document = {
        "name": "parts",
        "nodes": [
            {"id": "save", "op": "save_results", "inputs": {"scores": "parts.bad"}},
            {"id": "load", "op": "load_market_data"},
            {"id": "parts", "op": "split", "inputs": {"data": "load"}, "params": {"ratio": 0.5}},
            {"id": "other", "op": "load_market_data"},
        ],
    }
    assert graph(parsed(document).document) == {
        "nodes": [
            {"id": "save", "op": "save_results", "level": 2},
            {"id": "load", "op": "load_market_data", "level": 0},
            {"id": "parts", "op": "split", "level": 1},
            {"id": "other", "op": "load_market_data", "level": 0},
        ],
        "edges": [
            {"from": "parts", "output": "bad", "to": "save", "input": "scores"},
            {"from": "load", "output": None, "to": "parts", "input": "data"},
        ],
        "levels": [["load", "other"], ["parts"], ["save"]],
    }


def test_downstream_is_everything_that_is_fed_and_nothing_that_feeds() -> None:
    document = parsed(stock_analysis()).document
    assert downstream(document, {"indicators"}) == {"scores", "save"}
    assert downstream(document, {"save"}) == set()
    assert downstream(document, {"validate", "scores"}) == {"indicators", "scores", "save"}
