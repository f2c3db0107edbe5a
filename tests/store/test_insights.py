"""How a job does: what its runs and steps took, and what was interrupted apart from what failed."""

from app.store import endings, insights, rescues, steps
from app.store.database import Database
from tests.store.conftest import began, claim, enqueue, succeeded


def test_what_was_interrupted_is_neither_a_failure_nor_a_duration(database: Database, job: str) -> None:
    for n, lost in enumerate((True, False)):
        enqueue(database)
        attempt = 1
        if lost:
            fence = claim(database)
            assert fence is not None
            database.write(lambda connection, fence=fence: steps.record(connection, fence, [began("a")]))
            # Found dead long after the step's begin, which the tests' events set into the past.
            database.write(lambda connection: rescues.rescue(connection, "w", "ended"))
            attempt = 2
        fence = claim(database, f"other{n}")
        assert fence is not None
        events = [began("a", attempt), succeeded("a", attempt), began("b"), succeeded("b")]
        database.write(lambda connection, fence=fence, events=events: steps.record(connection, fence, events))
        database.write(lambda connection, fence=fence: endings.settle(connection, fence))
    with database.read() as connection:
        found = insights.job_metrics(connection, "j", insights.window(connection, "all", None))
    assert (found["counts"]["succeeded"], found["success_rate"], found["interrupted"]) == (2, 1.0, 1)
    step = found["steps"][0]
    assert (step["attempts"], step["failed"], step["interrupted"]) == (3, 0, 1)
    assert step["duration"]["p99"] == 0, "both that ended took no time, by their events; the lost one took until it was found"
