"""Whatever JSON is sent: an answer, or Invalid with pointers into what was sent. Never anything else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.definitions.job import parse_job
from app.definitions.params import effective_params
from app.definitions.pipeline import content_hash, parse_pipeline, resolve
from app.definitions.pool import parse_pool
from app.definitions.schedule import parse_schedule
from app.definitions.trigger import parse_trigger
from app.errors import Fault, Invalid
from tests.unit.catalogue import CATALOGUE, parsed, stock_analysis

# Words that mean something in some document, so that what is drawn comes close to one.
WORDS = [
    *("name", "nodes", "id", "op", "inputs", "params", "retry", "timeout_seconds", "pools", "tags", "description", "pipeline"),
    *(
        "job",
        "when",
        "jobs",
        "event",
        "file",
        "glob",
        "vendor_ready",
        "from",
        "until",
        "cron",
        "at",
        "day",
        "nth",
        "of",
        "calendar",
    ),
    *("type", "default", "enum", "items", "minimum", "format", "secret", "$secret", "$ref", "load_market_data", "save_results"),
    *("split", "data", "scores", "days", "symbols", "load", "load.result", "${params.days}", "x ${params.days}", "${event.x}"),
    *(
        "integer",
        "string",
        "array",
        "XSHG",
        "0 9 * * 1-5",
        "close+30m",
        "15:30",
        "T+1",
        "month",
        "high",
        "a",
        "a~/b",
        "\0",
        "\ud800",
    ),
]
text = st.sampled_from(WORDS) | st.text(max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=5), max_leaves=20
)

PARSERS: dict[str, Callable[[Any], Any]] = {
    "pipeline": lambda document: parse_pipeline(document, CATALOGUE, pools={}),
    "job": lambda document: parse_job(document, stock_analysis(), pipelines=["a"]),
    "schedule": lambda document: parse_schedule(document, ["a"], pipeline_of=lambda name: stock_analysis()),
    "trigger": lambda document: parse_trigger(document, ["a", "job"], pipeline_of=lambda name: stock_analysis()),
    "pool": parse_pool,
}
FIELDS: dict[str, dict[str, Any]] = {
    "pipeline": {"name": "a", "nodes": [{"id": "load", "op": "load_market_data"}]},
    "job": {"name": "a", "pipeline": "a"},
    "schedule": {"name": "a", "job": "a", "cron": "0 9 * * 1-5"},
    "trigger": {"name": "a", "job": "a", "when": {"event": "a"}},
    "pool": {"name": "a", "size": 1},
}


def points_into(document: Any, pointer: str) -> bool:
    """Whether the pointer names a place that is there, or one that is missing from an object that is."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for index, step in enumerate(steps):
        if isinstance(document, list):
            document = document[int(step)]
        elif isinstance(document, dict):
            known = {key.encode("utf-8", "backslashreplace").decode(): value for key, value in document.items()}
            if step not in known:
                # Missing: `inputs/data` of a node that has no inputs at all is two steps away.
                return len(steps) - index <= 2
            document = known[step]
        else:
            return False
    return True


def answer(parse: Callable[..., Any], *arguments: Any) -> tuple[Any, tuple[Fault, ...]]:
    """What it made, or the faults; any other exception fails the test."""
    try:
        return parse(*arguments), ()
    except Invalid as error:
        return None, error.faults


def check(kind: str, document: Any) -> None:
    made, faults = answer(PARSERS[kind], document)
    if made is None:
        assert faults
        for fault in faults:
            assert points_into(document, fault.pointer), fault
        json.dumps([[fault.pointer, fault.message] for fault in faults], ensure_ascii=False).encode()
        return
    # Accepted: then it can be stored, and is its own canonical form.
    json.dumps(made.document, allow_nan=False, ensure_ascii=False).encode()
    assert content_hash(PARSERS[kind](made.document).document) == content_hash(made.document)


@pytest.mark.parametrize("kind", PARSERS)
@given(document=anything)
def test_any_json_gets_an_answer(kind: str, document: Any) -> None:
    check(kind, document)


@pytest.mark.parametrize("kind", PARSERS)
@given(extra=st.dictionaries(text, anything, max_size=3), data=st.data())
def test_a_good_document_with_anything_added_or_replaced_gets_an_answer(
    kind: str, extra: dict[str, Any], data: st.DataObject
) -> None:
    replaced = data.draw(st.dictionaries(st.sampled_from(sorted(FIELDS[kind])), anything, max_size=1))
    check(kind, {**FIELDS[kind], **extra, **replaced})


node = st.fixed_dictionaries(
    {"id": st.sampled_from(["load", "a", "b", "c"]), "op": st.sampled_from(sorted(CATALOGUE.by_name))},
    optional={
        "inputs": st.dictionaries(st.sampled_from(["data", "scores", "indicators", "weights", "x"]), text, max_size=2),
        "params": st.dictionaries(
            st.sampled_from(["days", "symbols", "ratio", "adjust", "token", "start"]), anything, max_size=3
        ),
    },
)


@given(nodes=st.lists(node, max_size=5), params=st.dictionaries(st.sampled_from(["days", "b"]), anything, max_size=2))
def test_any_graph_of_nodes_gets_an_answer_and_a_good_one_resolves(nodes: list[Any], params: dict[str, Any]) -> None:
    document = {"name": "a", "nodes": nodes, "params": params}
    check("pipeline", document)
    try:
        canonical = parse_pipeline(document, CATALOGUE).document
        values = effective_params(canonical, {}, {})
    except Invalid:
        return
    assert len(resolve(canonical, values)) == len(nodes)


@given(job=anything, run=anything)
def test_any_params_get_an_answer(job: Any, run: Any) -> None:
    _, faults = answer(effective_params, parsed(stock_analysis()).document, job, run)
    assert all(fault.pointer.startswith("/params") for fault in faults)
