"""Computing again what stands on older data: the finished steps whose rows another run's publication made old."""

from typing import Any

from app import clock
from app.runner.failure import StepError
from app.runner.graph import Node, Source
from app.runner.run import Run


def compute(run: Run, publisher: Node, stale: set[str], given_old: bool) -> None:
    """Run again, before the publisher begins again, what made those datasets and what must follow or go before it.

    `given_old`: what the publisher itself had computed was old, and so may be what it was handed. Raises StepError when a step
    fails for good.
    """
    for node in _due(run, publisher, stale, given_old):
        message = "Another run published what this step had computed from: it computes again from the new snapshot"
        with run.journal.attributed(node.id, node.attempts):
            run.journal.write("info", message, {"publishes": publisher.id})
        _run(run, node)


def _run(run: Run, node: Node) -> None:
    run.attempt(node, run)
    while node.status == "pending" and node.due_at is not None:
        if run.cancelled.wait(max((node.due_at - clock.now()).total_seconds(), 0)):
            raise StepError("cancelled", f"the run was asked to stop while node {node.id!r} waited for its next try")
        run.attempt(node, run)
    if node.status == "cancelled":
        raise StepError("cancelled", f"the run was asked to stop while node {node.id!r} computed again")
    if node.status != "succeeded":
        raise StepError("upstream_failed", f"node {node.id!r} had to compute again, because its data had changed, and could not")


def _due(run: Run, publisher: Node, stale: set[str], given_old: bool) -> list[Node]:
    """Those nodes, sources first.

    Behind a node that computes again only what leads to the publisher follows: what else was done with its outputs, an alert
    for example, was done. Before it those go again that handed it values or frames of what they saw in the lake, or whose frame
    is gone; a reference is read anew.
    """
    due = {node.id for node in run.nodes if _made(run, node) & stale}
    leads = _before(run, publisher)
    while True:
        reached = set(due)
        for node in run.nodes:
            follows = node.id in leads and node is not publisher and any(source.node.id in reached for source in node.sources)
            if node.id in reached or (node is publisher and given_old):
                reached |= {source.node.id for source in node.sources if _is_old(run, source)}
            elif follows:
                reached.add(node.id)
        if reached == due:
            return [node for node in run.nodes if node.id in due and node.status == "succeeded" and node is not publisher]
        due = reached


def _made(run: Run, node: Node) -> set[str]:
    """The datasets that a node staged anything of, in this process or before."""
    if node.id in run.lake.works:
        return run.lake.works[node.id].makes
    return {file["dataset"] for file in node.spec["staged"]}


def _is_old(run: Run, source: Source) -> bool:
    output: Any = source.node.outputs.get(source.output)
    if output is None or output["kind"] == "dataset":
        return False
    if output["kind"] == "frame" and not run.frames.has(source.node.id, source.output, output):
        return True
    work = run.lake.works.get(source.node.id)
    return work is None or work.looked


def _before(run: Run, publisher: Node) -> set[str]:
    """The nodes from which an edge leads on to the publisher."""
    found = {publisher.id}
    for node in reversed(run.nodes):
        if any(user.id in found for user in node.consumers):
            found.add(node.id)
    return found
