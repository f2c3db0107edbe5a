"""Publishing: the worker names what was staged, in the transaction that ends the step, if the lake has not moved on."""

import time
from typing import Any

from app import clock
from app.definitions.lake import StagedFile, Work
from app.definitions.messages import PublishAsk, StepSucceeded
from app.runner import again
from app.runner.failure import BeginAgain, StepError, describe
from app.runner.graph import Node
from app.runner.run import Run

ROUNDS = 8
"""How often a step begins again because the lake moved on under it, before it fails as `not_published`. After the first time it
has a turn, and nobody who comes later publishes first; what loses again and again is not overtaken, but broken."""

_PAUSES = (0.01, 0.25)
"""Between two looks whether it is this run's turn: the first, doubling to the last."""


def publish(run: Run, node: Node, staged: list[StagedFile], end: StepSucceeded | None) -> int | None:
    """Have everything staged so far named, and with `end` the step ended by it; the snapshot, None if nothing changed.

    Raises BeginAgain when another run published first what this was built from; then what this step `staged` is forgotten,
    because it stages again, and what earlier steps had computed of older data is computed again already. Raises StepError when
    it cannot be; Unavailable when the worker refuses.
    """
    # A step at work beside this one asks itself: what it stages may be old, and is not this one's to publish or to drop.
    others = [other for other in run.nodes if other.status == "running" and other is not node]
    beside = {file["path"] for other in others for file in run.lake.computed(other)}
    publication = run.lake.publication(beside)
    ask = PublishAsk(node=node.id, attempt=node.attempts, at=clock.iso(clock.now()), end=end, publication=publication)
    answer = _in_turn(run, ask)
    state = answer["state"]
    if answer["outcome"] == "conflict":
        given_old = any("stands_on" in file for file in staged)
        run.lake.drop(staged)
        again.compute(run, node, run.lake.rebase(state, beside), given_old)
        if isinstance(staged, Work):
            run.lake.begins(node, staged)
        raise BeginAgain
    try:
        run.lake.published(publication, state, own=answer["outcome"] == "published")
    except Exception as error:
        # The snapshot stands whatever becomes of its view, and so does the end of the step; a start makes missing views.
        message = f"snapshot {state['snapshot']} is published, but this process could not build on it: {error}"
        run.journal.write("error", message, {"error": describe(error)["traceback"]})
        if end is None:
            raise
    return state["snapshot"] if answer["outcome"] == "published" else None


def _in_turn(run: Run, ask: PublishAsk) -> Any:
    """The worker's answer, once nobody goes first any more who was overtaken before.

    Whoever does not move for as long as his turn allows is passed by: it may be a process that stands still.
    """
    behind, waited, pause = 0, 0.0, _PAUSES[0]
    while (turn := (answer := run.emitter.ask("publish", ask))["state"].get("behind")) is not None:
        if turn["n"] != behind:
            behind, waited, pause = turn["n"], 0.0, _PAUSES[0]
            run.journal.write("debug", "Waits for the turn of a publication that was overtaken before", {"turn": behind})
        elif waited > turn["seconds"]:
            ask["publication"]["passes"] = behind
        before = time.monotonic()
        if run.cancelled.wait(pause):
            raise StepError("cancelled", "the run was asked to stop while it waited for its turn to publish")
        # Look by look: a process that was itself stopped has not been looking.
        waited += min(time.monotonic() - before, 2 * pause)
        pause = min(2 * pause, _PAUSES[1])
    return answer
