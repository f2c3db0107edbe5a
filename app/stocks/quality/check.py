"""What a check is: a name, a policy, a weight, and the function that finds the rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
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
    """`policy`: keep such rows out, only say so, or publish nothing. `weight`: its share of the score.

    A record: what a report, a page and the documents say of a check is said here.
    """

    name: str
    meaning: str
    policy: Policy
    weight: float
    find: Callable[[Panel], Found] | None = None
    """None: it is counted where the rows come in, or are not there."""
    final: bool = False
    """Nobody may let such a row in: nothing could be calculated from it."""
    since: date | None = None
    """The first day that it is about; None: every day."""

    @property
    def policies(self) -> tuple[Policy, ...]:
        """What a job may make of it: a row that cannot be true is never published, whatever else is."""
        return self.policy, "block"


@dataclass
class Verdict:
    """What a check came to: of so many checked rows so many failed, with the first few of them."""

    check: str
    policy: Policy
    weight: float
    meaning: str = ""
    since: date | None = None
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

    def told(self) -> dict[str, Any]:
        """Everything that is known of it, as JSON."""
        record = {"meaning": self.meaning, "weight": self.weight, "since": self.since and self.since.isoformat()}
        return {**self.as_dict(), **record, "passed": None if self.passed is None else round(self.passed, 6)}

    def as_dict(self) -> dict[str, Any]:
        """What a dataset's facts say of it."""
        return {
            "check": self.check, "policy": self.policy, "checked": self.checked, "failed": self.failed, "examples": self.examples,
        }  # fmt: skip
