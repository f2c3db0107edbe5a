"""Publishing: the worker names what was staged, in the transaction that ends the step, if the lake has not moved on."""

from app import clock
from app.definitions.lake import StagedFile
from app.definitions.messages import PublishAsk, StepSucceeded
from app.runner.failure import BeginAgain, describe
from app.runner.graph import Node
from app.runner.run import Run

ROUNDS = 5
"""How often a step begins again because the lake moved on under it, before it fails as `not_published`."""


def publish(run: Run, node: Node, staged: list[StagedFile], end: StepSucceeded | None) -> int | None:
    """Have everything staged so far named, and with `end` the step ended by it; the snapshot, None if nothing changed.

    Raises BeginAgain when another run published first what this was built from; then what this step `staged` is forgotten,
    because it stages again. Raises Unavailable when the worker refuses.
    """
    publication = run.lake.get().publication()
    ask = PublishAsk(node=node.id, attempt=node.attempts, at=clock.iso(clock.now()), end=end, publication=publication)
    answer = run.emitter.ask("publish", ask)
    state = answer["state"]
    if answer["outcome"] == "conflict":
        run.lake.drop(staged)
        run.lake.rebase(state)
        raise BeginAgain
    try:
        run.lake.published(publication, state)
    except Exception as error:
        # The snapshot stands whatever becomes of its view, and so does the end of the step; a start makes missing views.
        message = f"snapshot {state['snapshot']} is published, but this process could not build on it: {error}"
        run.journal.write("error", message, {"error": describe(error)["traceback"]})
        if end is None:
            raise
    return state["snapshot"] if answer["outcome"] == "published" else None
