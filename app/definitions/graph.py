"""The graph of a pipeline: who feeds whom, in which order, in which level; and its cycles, if it has any."""

import heapq
from collections.abc import Collection, Mapping, Sequence
from typing import Any

Upstream = Mapping[str, Collection[str]]
"""Node id to the ids that feed it."""


def source(reference: str) -> tuple[str, str]:
    """`node.output` as (node, output); the output is empty for an op's only one."""
    node, _, output = reference.partition(".")
    return node, output


def upstream_of(nodes: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Each node's id to the nodes that feed it, without repeats."""
    return {node["id"]: list(dict.fromkeys(source(ref)[0] for ref in node.get("inputs", {}).values())) for node in nodes}


def order(upstream: Upstream) -> list[str]:
    """The nodes so that each stands after what feeds it, else as given. A node in or behind a cycle is left out."""
    rank = {node: index for index, node in enumerate(upstream)}
    waiting = {node: sum(1 for feeder in feeders if feeder in rank) for node, feeders in upstream.items()}
    fed: dict[str, list[str]] = {node: [] for node in upstream}
    for node, feeders in upstream.items():
        for feeder in feeders:
            if feeder in rank:
                fed[feeder].append(node)
    names = list(upstream)
    free = [rank[node] for node, count in waiting.items() if not count]
    ordered = []
    while free:
        node = names[heapq.heappop(free)]
        ordered.append(node)
        for follower in fed[node]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(free, rank[follower])
    return ordered


def cycles(upstream: Upstream) -> list[list[str]]:
    """Cycles in the direction of the data, `[a, b, a]`, that have no node in common; together they explain every loop."""
    left = {node: list(feeders) for node, feeders in upstream.items()}
    found: list[list[str]] = []
    while True:
        for node in order(left):
            del left[node]
        if not left:
            return found
        found.append(_cycle_in(left))
        for node in found[-1][:-1]:
            del left[node]


def _cycle_in(left: Upstream) -> list[str]:
    """Walk against the data: `order` left only nodes that are fed by another such node, so the walk meets itself."""
    walk = [next(iter(left))]
    while True:
        feeder = next(feeder for feeder in left[walk[-1]] if feeder in left)
        if feeder in walk:
            loop = walk[walk.index(feeder) :][::-1]
            first = min(range(len(loop)), key=lambda index: list(left).index(loop[index]))
            turned = loop[first:] + loop[:first]
            return [*turned, turned[0]]
        walk.append(feeder)


def graph(pipeline_document: Mapping[str, Any]) -> dict[str, Any]:
    """Nodes with their level, edges with the output and the input they join, and the levels themselves, from 0."""
    nodes = pipeline_document["nodes"]
    upstream = upstream_of(nodes)
    level: dict[str, int] = {}
    for node in order(upstream):
        level[node] = max((level[feeder] + 1 for feeder in upstream[node]), default=0)
    levels: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node in nodes:
        levels[level[node["id"]]].append(node["id"])
    return {
        "nodes": [{"id": node["id"], "op": node["op"], "level": level[node["id"]]} for node in nodes],
        "edges": [
            {"from": source(ref)[0], "output": source(ref)[1] or None, "to": node["id"], "input": name}
            for node in nodes
            for name, ref in node.get("inputs", {}).items()
        ],
        "levels": levels,
    }


def downstream(pipeline_document: Mapping[str, Any], nodes: Collection[str]) -> set[str]:
    """Every node that needs one of these, directly or through others."""
    needs = upstream_of(pipeline_document["nodes"])
    found: set[str] = set()
    for name in order(needs):
        if any(feeder in nodes or feeder in found for feeder in needs[name]):
            found.add(name)
    return found
