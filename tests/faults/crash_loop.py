"""Which points a test crashes at: all of them, k rising until the work is done without a crash, or some by a seed."""

import os
import random
import time
from collections.abc import Callable, Iterator

from tests.faults.crash_stage import Plan, Role, Side

ALL = os.environ.get("CRASH_POINTS") == "all"
SEED = int(os.environ.get("CRASH_SEED", time.time() // 86_400))
"""Another one every day, so that in time every point has its turn; said with a failure."""
SIDES: tuple[Side, ...] = ("before", "after")
Once = Callable[[Role, int, Side], Plan]


def crash_everywhere(what: str, once: Once, role: Role, some: int) -> None:
    """Do the work again and again, each time with a crash at another point; say how many there were.

    `once` does it with a crash at that point of that role, and raises AssertionError if what came of it is not right.
    """
    reached = exercised = 0
    if ALL:
        for side in SIDES:
            number = 1
            while once(role, number, side).crashed:
                number += 1
            exercised += number - 1
        reached = exercised
    else:
        reached = 2 * max(once(role, 0, "before").points, default=0)
        for number, side in _some(what, reached, some):
            # Several writes may share a commit: there may be fewer points than when they were counted.
            exercised += any(once(role, lower, side).crashed for lower in range(number, 0, -1))
    print(f"\ncrash points {exercised}/{reached}: {what}, {role}")  # noqa: T201 - what the whole loop is run for
    assert exercised == (reached if ALL else min(some, reached)), f"CRASH_SEED={SEED}"


def _some(what: str, points: int, wanted: int) -> Iterator[tuple[int, Side]]:
    chosen = random.Random(f"{SEED} {what}").sample(range(points), min(wanted, points))
    for point in sorted(chosen):
        yield point // 2 + 1, SIDES[point % 2]
