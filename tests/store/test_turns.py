"""Turns: who was overtaken goes first, and nobody waits for a publication that will not come."""

from typing import Any

import pytest

from app import clock
from app.store import claims, lake, steps
from app.store.database import Database
from app.store.fence import Fence, guard
from tests.store.conftest import began, claim, enqueue, failed, make_job
from tests.store.test_lake import publish, staged


@pytest.fixture
def fences(database: Database) -> list[Fence]:
    """Four runs of four workers, each at its step `save`."""
    database.write(lambda connection: make_job(connection, size=4))
    found = []
    for worker in ("a", "b", "c", "d"):
        enqueue(database, nodes=[("save", "noop")])
        fence = claim(database, worker)
        assert fence is not None
        write(database, fence, began("save"))
        found.append(fence)
    publish(database, found[0], staged("base-2026-10"))
    return found


def write(database: Database, fence: Fence, event: Any) -> None:
    database.write(lambda connection: steps.record(connection, fence, [event]))


def lose(database: Database, fence: Fence) -> int:
    """Publish what was built on a file that is no longer current; the turn that it stands behind, 0 for its own."""
    outcome, state = publish(database, fence, staged(f"{fence.worker}-2026-10", base="old"))
    assert outcome == "conflict"
    return int(state.get("behind", {"n": 0})["n"])


def asked(database: Database, fence: Fence, base: str = "base-2026-10", **more: Any) -> tuple[str, Any]:
    file = staged(f"{fence.worker}-2026-10", base=base)
    return database.write(lambda c: lake.publish(c, fence, "save", {"files": [file], "datasets": {}, **more}))


def test_who_was_overtaken_goes_before_who_comes_later(database: Database, fences: list[Fence]) -> None:
    _, slow, quick, other = fences
    assert lose(database, slow) == 0
    outcome, state = asked(database, quick)
    assert (outcome, state["datasets"], state["behind"]["seconds"]) == ("conflict", {}, 30)
    assert publish(database, other, staged("f-2026-10", dataset="other"))[0] == "published", "nobody waits for another dataset"
    assert asked(database, slow)[0] == "published"
    outcome, state = asked(database, quick)
    assert outcome == "conflict"
    assert "behind" not in state
    assert asked(database, quick, base="b-2026-10")[0] == "published"


def test_turns_come_in_the_order_in_which_they_were_taken(database: Database, fences: list[Fence]) -> None:
    first, second, third, fourth = fences
    assert lose(database, second) == 0
    assert {lose(database, third), lose(database, fourth), lose(database, first)} != {0}
    newest = "base-2026-10"
    for fence in (second, third, fourth, first):
        waiting = [one for one in (second, third, fourth, first) if one.worker > fence.worker or one is first]
        assert all("behind" in asked(database, one)[1] for one in waiting if one is not fence)
        assert asked(database, fence, base=newest)[0] == "published"
        newest = f"{fence.worker}-2026-10"


@pytest.mark.parametrize("how", ["released", "step failed"])
def test_a_turn_ends_with_its_step_and_with_its_attempt(database: Database, fences: list[Fence], how: str) -> None:
    _, slow, quick, _ = fences
    lose(database, slow)
    if how == "released":
        database.write(lambda connection: claims.release(connection, slow, guard(connection, slow), clock.now(), "Why."))
    else:
        write(database, slow, failed("save"))
    assert asked(database, quick)[0] == "published"


def test_a_turn_that_stands_still_is_passed_and_the_one_who_comes_back_stands_at_the_end(
    database: Database, fences: list[Fence]
) -> None:
    _, still, quick, third = fences
    lose(database, still)
    turn = asked(database, quick)[1]["behind"]["n"]
    assert "behind" in asked(database, third)[1]
    assert asked(database, quick, passes=turn)[0] == "published"
    assert lose(database, still) > turn
    assert asked(database, third, base="c-2026-10")[0] == "published"
    assert asked(database, still, base="d-2026-10")[0] == "published"


def test_a_repeat_is_given_the_time_of_three_tries_and_ten_minutes_at_most(database: Database, fences: list[Fence]) -> None:
    _, slow, quick, _ = fences
    for took, patience in ((1.0, 30), (20.0, 60), (86_400.0, 600)):
        asked(database, slow, base="old", seconds=took)
        assert asked(database, quick)[1]["behind"]["seconds"] == patience


def test_what_was_computed_of_an_older_version_is_not_published(database: Database, fences: list[Fence]) -> None:
    first, second, third, _ = fences
    scores = staged("s-2026-10", dataset="scores")
    publish(database, first, staged("new-2026-11"))
    assert publish(database, second, {**scores, "stands_on": {"bars": 1}})[0] == "conflict"
    assert "behind" in publish(database, third, staged("newer-2026-12"))[1], "nor do the bars change again meanwhile"
    assert publish(database, second, {**scores, "stands_on": {"bars": 2, "fundamentals": 0}})[0] == "published"
