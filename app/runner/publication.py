"""Publishing: the worker names what was staged, in the transaction that ends the step, if the lake has not moved on."""

from app import clock
from app.definitions.messages import PublishAsk, StepSucceeded
from app.runner.failure import BeginAgain
from app.runner.graph import Node
from app.runner.lake import StepLake
from app.runner.run import Run

ROUNDS = 5
"""How often a step begins again because the lake moved on under it, before it fails as `not_published`."""


def publish(run: Run, node: Node, lake: StepLake, end: StepSucceeded | None) -> int | None:
    """Have everything staged so far named, and with `end` the step ended by it; the snapshot, None if nothing changed.

    Raises BeginAgain when another run published first what this was built from; Unavailable when the worker refuses.
    """
    ask = PublishAsk(node=node.id, attempt=node.attempts, at=clock.iso(clock.now()), end=end, publication=lake.publication())
    answer = run.emitter.ask("publish", ask)
    state = answer["state"]
    if answer["outcome"] == "conflict":
        lake.rebase(state)
        raise BeginAgain
    try:
        lake.published(state)
    except Exception as error:
        # The snapshot stands whatever becomes of its view, and so does the end of the step; a start makes missing views.
        run.journal.write("error", f"the view of snapshot {state['snapshot']} could not be made: {error}", {"exception": error})
    return state["snapshot"] if answer["outcome"] == "published" else None
