"""Which runs a worker has in its slots, while they follow each other and while it is told to end them."""

from typing import Any

from app.engine.slots import Slots
from app.store.fence import Fence


class Supervised:
    """As much of a supervisor as a slot knows."""

    def __init__(self, run: str) -> None:
        self.fence = Fence(run, "w", 1)
        self.told: list[str] = []

    def hand_back(self) -> None:
        self.told.append("hand back")

    def kill(self) -> None:
        self.told.append("kill")


def test_a_run_that_is_about_to_follow_is_no_stray_until_the_slot_is_given_up() -> None:
    slots, first, second = Slots(1), supervised("first"), supervised("second")
    slots.fill(first)
    held = [first.fence, second.fence]
    assert slots.strays(held) == [second.fence]
    slots.expect(first, second.fence)
    assert slots.strays(held) == []
    slots.fill(second, after=first)
    assert slots.strays(held) == [first.fence]
    slots.empty(second)
    assert slots.strays(held) == held


def test_what_was_awaited_and_never_came_is_a_stray() -> None:
    slots, first, second = Slots(1), supervised("first"), supervised("second")
    slots.fill(first)
    slots.expect(first, second.fence)
    assert slots.empty(first)
    assert slots.strays([second.fence]) == [second.fence]


def test_whatever_comes_after_the_end_is_ended_too() -> None:
    slots, first, second = Slots(2), supervised("first"), supervised("second")
    slots.fill(first)
    assert slots.end(Supervised.hand_back) == [first]  # type: ignore[arg-type]  # as much of one as a slot knows
    slots.fill(second, after=first)
    assert (first.told, second.told) == (["hand back"], ["hand back"])
    assert slots.end(Supervised.kill) == [second]  # type: ignore[arg-type]  # as much of one as a slot knows
    assert second.told == ["hand back", "kill"]
    assert (slots.free, slots.empty(second), slots.free) == (1, False, 2)


def supervised(run: str) -> Any:
    return Supervised(run)
