"""The pipeline: a declarative acyclic graph of nodes, checked against a catalogue. A blueprint; it cannot be executed."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.definitions import graph, placeholders
from app.definitions.catalogue import Catalogue
from app.definitions.faults import Faults, shown
from app.definitions.op import RESULT
from app.definitions.params import check_declarations, params_schema
from app.definitions.plain import must_be_plain
from app.definitions.retry import RetryPolicy
from app.definitions.shape import Name, Params, Pools, Seconds, Shape, Tags, Text, read
from app.definitions.validation import Draft, check_nodes, check_pools

NODES_LIMIT = 500
_REFERENCE = re.compile(r"[a-z][a-z0-9_]{0,62}(\.\w{1,100})?")


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise PydanticCustomError("value_error", "must be 'node' or 'node.output', not {text}", {"text": shown(text)})
    return text


class Node(Shape):
    """One use of an op."""

    id: Name
    op: Name
    inputs: dict[str, Annotated[str, AfterValidator(_reference)]] = Field(default_factory=dict)
    params: Params = Field(default_factory=dict)
    retry: RetryPolicy | None = None
    timeout_seconds: Seconds | None = None
    pools: Pools = Field(default_factory=dict)
    tags: Tags = Field(default_factory=dict)


class PipelineDocument(Shape):
    """A pipeline as it is sent. Declarations and nodes are read one by one, so that each may have its own faults."""

    name: Name
    description: Text = ""
    params: Params = Field(default_factory=dict)
    nodes: list[Any] = Field(min_length=1)


_DETAIL = "The pipeline is not valid."


@dataclass(frozen=True)
class Pipeline:
    """A pipeline without a fault. `document` is its canonical form; `nodes` are in an order that respects the edges."""

    name: str
    document: dict[str, Any]
    nodes: tuple[Node, ...]

    def params_schema(self) -> dict[str, Any]:
        """The JSON schema of the pipeline's params."""
        return params_schema(self.document.get("params", {}))


def parse_pipeline(document: object, catalogue: Catalogue, *, pools: Mapping[str, int] | None = None) -> Pipeline:
    """The pipeline that the document describes. Raises Invalid with every fault, each with its JSON pointer.

    With `pools`, the sizes of those that are there, a node that wants slots of another, or more than that, is a fault: its runs
    would wait for ever. A pool of size 0 is closed for now, and takes any.
    """
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    header, bad = read(PipelineDocument, document, faults)
    nodes: dict[str, Node] = {}
    if isinstance(document, dict):
        raw_nodes = document.get("nodes") if "nodes" not in bad else []
        declarations = document.get("params", {}) if "params" not in bad else {}
        declared = check_declarations(declarations, faults, ("params",))
        if isinstance(raw_nodes, list) and _few_enough(raw_nodes, faults):
            drafts, nodes = _read_nodes(raw_nodes, faults)
            check_nodes(drafts, declared, catalogue, faults)
            if pools is not None:
                check_pools(drafts, catalogue, pools, faults)
    faults.finish(_DETAIL)
    assert header is not None
    canonical = {**header.plain(), "nodes": [node.plain() for node in nodes.values()]}
    ordered = graph.order(graph.upstream_of(canonical["nodes"]))
    return Pipeline(header.name, canonical, tuple(nodes[name] for name in ordered))


def _few_enough(nodes: list[Any], faults: Faults) -> bool:
    if len(nodes) > NODES_LIMIT:
        faults.add(("nodes",), f"has {len(nodes)} nodes; at most {NODES_LIMIT} are allowed")
        return False
    return True


def _read_nodes(raw_nodes: list[Any], faults: Faults) -> tuple[list[Draft], dict[str, Node]]:
    drafts, nodes = [], {}
    for index, raw in enumerate(raw_nodes):
        node, bad = read(Node, raw, faults, ("nodes", index))
        if node is not None:
            nodes[node.id] = node
        if not isinstance(raw, dict):
            continue

        def part(field: str, default: Any = None, raw: dict[str, Any] = raw, bad: frozenset[str] = bad) -> Any:
            return None if field in bad else raw.get(field, default)

        drafts.append(Draft(index, part("id"), part("op"), part("inputs", {}), part("params", {}), part("pools", {})))
    return drafts, nodes


def content_hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of a canonical document, as hex digits: the same for the same document, whatever the order of its keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def resolve(pipeline_document: Mapping[str, Any], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nodes in an order that respects the edges, placeholders replaced, inputs as [node, output] (see NodeSpec)."""
    nodes = {node["id"]: node for node in pipeline_document["nodes"]}
    return [_resolved(nodes[name], params) for name in graph.order(graph.upstream_of(pipeline_document["nodes"]))]


def _resolved(node: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {name: list(graph.source(reference)) for name, reference in node.get("inputs", {}).items()}
    return {
        "id": node["id"],
        "op": node["op"],
        # An only output may be named or not; NodeSpec knows it by the empty name.
        "inputs": {name: [feeder, "" if output == RESULT else output] for name, (feeder, output) in inputs.items()},
        "params": placeholders.replaced(node.get("params", {}), lambda inside: params[inside.removeprefix("params.")]),
        "retry": node.get("retry"),
        "timeout_seconds": node.get("timeout_seconds"),
        "pools": node.get("pools", {}),
        "tags": node.get("tags", {}),
    }


def pools_needed(pipeline_document: Mapping[str, Any], job_document: Mapping[str, Any], catalogue: Catalogue) -> dict[str, int]:
    """The pools that a run holds while it runs: `job:<name>`, and of each other the most that one node or its op wants."""
    ops = catalogue.by_name
    needed = {f"job:{job_document['name']}": 1}
    for node in pipeline_document["nodes"]:
        spec = ops.get(node["op"])
        # What the node says of a pool stands over what its op says.
        for pool, slots in {**(spec.pools if spec else {}), **node.get("pools", {})}.items():
            needed[pool] = max(needed.get(pool, 0), slots)
    return needed
