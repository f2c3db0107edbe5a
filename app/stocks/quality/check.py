"""What a check is: a name, a policy, a weight, and the function that finds the rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from app.stocks.arrays import Flags
from app.stocks.quality.panel import Panel

Policy = Literal["quarantine", "warn", "block"]
EXAMPLES = 5
DUPLICATES = "duplicates"
COMPLETENESS = "completeness"


@dataclass(frozen=True)
class Found:
    """Of the rows that could be checked, those that failed; `say` tells of one what is wrong."""

    checked: Flags
    failed: Flags
    say: Callable[[int], str]


@dataclass(frozen=True)
class Check:
    """`policy`: keep such rows out, only say so, or publish nothing. `weight`: its share of the score."""

    name: str
    meaning: str
    policy: Policy
    weight: float
    find: Callable[[Panel], Found]
    final: bool = False
    """Nobody may let such a row in: nothing could be calculated from it."""


@dataclass
class Verdict:
    """What a check came to: of so many checked rows so many failed, with the first few of them."""

    check: str
    policy: Policy
    weight: float
    checked: int = 0
    failed: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, panel: Panel, found: Found) -> None:
        """Count what was found among the panel's judged rows."""
        self.checked += int(np.count_nonzero(found.checked & panel.judged))
        failed = np.flatnonzero(found.checked & found.failed & panel.judged)
        self.failed += len(failed)
        for at in failed[: EXAMPLES - len(self.examples)]:
            one, day = panel.row(int(at))
            self.examples.append({"order_book_id": one, "trade_date": day.isoformat(), "detail": found.say(int(at))})

    @property
    def passed(self) -> float | None:
        """The part of checked rows that passed; None when there was none to check."""
        return 1 - self.failed / self.checked if self.checked else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "check": self.check, "policy": self.policy, "checked": self.checked, "failed": self.failed, "examples": self.examples,
        }  # fmt: skip
