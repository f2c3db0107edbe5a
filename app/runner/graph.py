"""The nodes of one run: what is done, what may begin, what will never begin and why."""

from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from app import clock
from app.definitions import registry
from app.definitions.messages import NodeSpec, Output, RunSpec
from app.definitions.op import RESULT, Op
from app.runner.frames import readable

Status = Literal["pending", "delayed", "ready", "running", "succeeded", "failed", "skipped", "cancelled"]
FINAL = ("succeeded", "failed", "skipped")
"""What lets the nodes behind it begin or be skipped; a cancelled one leaves them to the end of the run."""


class Source(NamedTuple):
    """Where an input comes from."""

    input: str
    node: "Node"
    output: str
    optional: bool


class Obstacle(NamedTuple):
    """Why a node is skipped."""

    reason: Literal["upstream_failed", "missing_input"]
    detail: str


class Node:
    """One step of the run under way."""

    def __init__(self, spec: NodeSpec) -> None:
        self.id = spec["id"]
        self.spec = spec
        self.op: Op | None = registry.ops.get(spec["op"])
        self.status: Status = spec["status"]
        self.attempts = spec["attempts"]
        self.failures = spec["failures"]
        self.pools = spec["pools"]
        self.due_at: datetime | None = clock.parse(spec["due_at"]) if spec["due_at"] else None
        self.outputs: dict[str, Output] = spec["outputs"]
        self.sources: list[Source] = []
        self.consumers: list[Node] = []
        self.saw_stop = False
        """Whether its op, in this attempt, was told that the run is to stop."""
        self.broken = self.status == "failed"
        """Whether it failed, or cannot run because something before it failed."""

    @property
    def given(self) -> list[Output]:
        """What the nodes before it hand it."""
        done = (source for source in self.sources if source.node.status == "succeeded")
        return [source.node.outputs[source.output] for source in done if source.output in source.node.outputs]

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or self.due_at <= now

    def obstacle(self) -> Obstacle | None:
        """What keeps a node from running whose sources are all final."""
        for name, source, _, _ in self.sources:
            if source.broken:
                how = "failed" if source.status == "failed" else "could not run because a node before it failed"
                return Obstacle("upstream_failed", f"Input {name!r} comes from node {source.id!r}, which {how}.")
        for name, source, output, optional in self.sources:
            if optional:
                continue
            if source.status == "skipped":
                return Obstacle("missing_input", f"Input {name!r} comes from node {source.id!r}, which was skipped.")
            if output not in source.outputs:
                return Obstacle("missing_input", f"Input {name!r} is missing: node {source.id!r} left out its output {output!r}.")
        return None


def build(spec: RunSpec, data_dir: Path) -> list[Node]:
    """The run's nodes, sources first; a finished one is pending again only where what it made is gone and still needed."""
    nodes = {node["id"]: Node(node) for node in spec["nodes"]}
    for node in nodes.values():
        optional = {port.name for port in node.op.spec.inputs if port.optional} if node.op else set()
        for name, (source_id, output) in node.spec["inputs"].items():
            source = nodes[source_id]
            node.sources.append(Source(name, source, output or _only_output(source), name in optional))
            source.consumers.append(node)
        node.broken = node.broken or (node.status != "succeeded" and any(source.node.broken for source in node.sources))
    goes_on = any(node.status == "pending" and not node.broken for node in nodes.values())
    for node in reversed(nodes.values()):
        if node.status == "succeeded" and goes_on and _is_missed(node, data_dir):
            node.status = "pending"
    return list(nodes.values())


def _is_missed(node: Node, data_dir: Path) -> bool:
    """Whether a step to come needs what this finished one made and what is no longer there.

    What it staged any of them needs: the next that publishes names everything that was staged.
    """
    if any(not (data_dir / "lake" / file["path"]).is_file() for file in node.spec["staged"]):
        return True
    waiting = [user for user in node.consumers if user.status == "pending" and not user.broken]
    gone = {name for name, output in node.outputs.items() if output["kind"] == "frame" and not readable(output, data_dir)}
    return any(source.node is node and source.output in gone for user in waiting for source in user.sources)


def _only_output(node: Node) -> str:
    outputs = node.op.spec.outputs if node.op else ()
    return outputs[0].name if len(outputs) == 1 else RESULT
