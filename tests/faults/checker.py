"""Judges a history. Each fault has a name, and of each there must be none.

    lost            accepted, done or published according to one side, and nowhere to be found on another
    unexpected      a run that nobody asked for, or that one key made twice; an effect of no run, or after its run's end
    double_publish  one step's work was published more than once
    overlap         two processes were at work on one run at the same time
    stuck           not ended when everything had had its time, or a slot, an attempt or a worker left behind
    illegal         a move that the state machine does not have, or one made by who did not hold the run

`recovered` counts what went well: requests whose answer was lost on the way, and that were carried out all the same.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults import rules
from tests.faults.history import Line, read
from tests.faults.legality import illegal
from tests.faults.seen import Seen

_RULES: dict[str, Callable[[Seen], Iterator[str]]] = {
    "lost": rules.lost,
    "unexpected": rules.unexpected,
    "double_publish": rules.double_publish,
    "overlap": rules.overlap,
    "stuck": rules.stuck,
    "illegal": illegal,
}


@dataclass(frozen=True)
class Verdict:
    """A sentence for every violation, by its name."""

    faults: dict[str, list[str]]
    recovered: int

    @property
    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {name: len(sentences) for name, sentences in self.faults.items()} | {"recovered": self.recovered}

    @property
    def passed(self) -> bool:
        """Whether nothing was violated."""
        return not any(self.faults.values())

    def __str__(self) -> str:
        lines = ["  ".join(f"{name} {count}" for name, count in self.counts.items())]
        for name, sentences in self.faults.items():
            lines += [f"  {name}: {sentence}" for sentence in sentences[:10]]
        return "\n".join(lines)


def check(history: Iterable[Line]) -> Verdict:
    """Judge a whole history: the database's and the lake's lines are part of it."""
    seen = Seen(history)
    faults = {name: list(rule(seen)) for name, rule in _RULES.items()}
    made = {run["note"] for run in seen.runs.values()}
    recovered = sum(1 for key, request in seen.requests.items() if request.unanswered and key in made)
    return Verdict(faults, recovered)


if __name__ == "__main__":
    found = check(read(Path(sys.argv[1])))
    print(found)  # noqa: T201 - it is a command
    sys.exit(not found.passed)
