"""A history put in order: who asked for what, what ran, what the database and the lake say of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.history import Line

Node = tuple[str, str]
"""A run's id and a node."""


@dataclass
class Request:
    """One thing that a client asked for, under one key, however often."""

    verb: str
    run: str | None
    """What it was about: a retry's or a cancel's run."""
    answers: list[Line] = field(default_factory=list)
    refused: bool = False
    unanswered: int = 0


@dataclass
class Execution:
    """One call of an op in a run's process."""

    run: str
    node: str
    pid: int
    first: int
    last: int
    """Where its first and its last line stand in the history."""
    first_at: float
    last_at: float
    committed: bool = False
    published: str | None = None
    """The key of the row that it staged to be published."""


class Seen:
    """The lines of a history by what they are about."""

    def __init__(self, history: Iterable[Line]) -> None:
        self.requests: dict[str, Request] = {}
        self.executions: dict[str, Execution] = {}
        self.kills: list[Line] = []
        self.rows: dict[str, list[Line]] = defaultdict(list)
        """The database's and the lake's lines by what they are."""
        for position, line in enumerate(history):
            if line["side"] == "client":
                self._client(line)
            elif line["side"] == "op":
                self._op(position, line)
            elif line["side"] == "killer":
                self.kills.append(line)
            else:
                self.rows[line["what"]].append(line)
        self.runs = {row["id"]: row for row in self.rows["run"]}
        self.committed = {(one.run, one.node) for one in self.executions.values() if one.committed}
        self.publishing = {(one.run, one.node) for one in self.executions.values() if one.published}
        self.snapshots: dict[Node, list[int]] = defaultdict(list)
        for row in self.rows["snapshot"]:
            self.snapshots[row["run_id"], row["node"]].append(row["snapshot"])

    def line_of(self, run_id: str) -> list[str]:
        """The run and those that it retries, newest first: what it took over was done by one of these."""
        found = [run_id]
        while (before := self.runs.get(found[-1], {}).get("retry_of")) is not None:
            found.append(before)
        return found

    def _client(self, line: Line) -> None:
        key = line["key"]
        if line["what"] == "invoke":
            self.requests.setdefault(key, Request(line["verb"], line.get("run")))
        elif line["what"] == "ok":
            self.requests[key].answers.append(line)
        elif line["what"] == "fail":
            self.requests[key].refused = True
        else:
            self.requests[key].unanswered += 1

    def _op(self, position: int, line: Line) -> None:
        at = line["at"]
        if line["what"] == "effect_begin":
            began = Execution(line["run"], line["node"], line["pid"], position, position, at, at)
            self.executions[line["effect"]] = began
        elif (execution := self.executions.get(line["effect"])) is not None:
            execution.last, execution.last_at = position, at
            execution.committed |= line["what"] == "effect_commit"
            execution.published = line.get("publishes") or execution.published
