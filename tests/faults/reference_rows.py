"""The rows of the state machine as they stand in a database: what must hold of them by themselves, and beside a model."""

from collections import Counter
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from app.store.database import Connection
from app.store.moves import RUN_PAIRS, STEP_PAIRS
from app.store.tables import pools, runs, slots, step_attempts, steps, transitions, workers
from tests.faults.reference_model import FINAL, Model, Run, Step


class Rows:
    """Everything, read at once."""

    def __init__(self, connection: Connection) -> None:
        self.runs = {row["id"]: row for row in _all(connection, select(runs))}
        self.steps = {(row["run_id"], row["node"]): row for row in _all(connection, select(steps))}
        self.tries: dict[tuple[str, str], list[Any]] = {key: [] for key in self.steps}
        for row in _all(connection, select(step_attempts).order_by(step_attempts.c.attempt)):
            self.tries[row["run_id"], row["node"]].append(row)
        self.slots = {(row["pool"], row["n"]): row for row in _all(connection, select(slots))}
        self.sizes = {row["name"]: row["size"] for row in _all(connection, select(pools))}
        self.alive = {row["id"]: row["stopped_at"] is None for row in _all(connection, select(workers))}
        self.paths: dict[str, list[Any]] = {run: [] for run in self.runs}
        for row in _all(connection, select(transitions).where(transitions.c.subject == "run").order_by(transitions.c.seq)):
            self.paths[row["name"]].append(row)

    def check(self) -> None:
        """What is true of any state."""
        held = Counter((row["pool"], row["run_id"]) for row in self.slots.values() if row["run_id"] is not None)
        needed = Counter(
            {
                (pool, run["id"]): count
                for run in self.runs.values()
                if run["status"] == "running"
                for pool, count in run["pools"].items()
            }
        )
        assert held == needed, "slots held are what the running runs need"
        for row in self.slots.values():
            assert row["run_id"] is None or row["attempt"] == self.runs[row["run_id"]]["attempt"]
        for run_id, path in self.paths.items():
            told = [(row["from_status"], row["to_status"]) for row in path]
            assert told[0] == (None, "queued")
            assert all(first[1] == then[0] and then in RUN_PAIRS for first, then in pairwise(told)), told
            assert told[-1][1] == self.runs[run_id]["status"]
            owners = [row["attempt"] for row in path if row["to_status"] == "running"]
            assert owners == list(range(1, self.runs[run_id]["attempt"] + 1)), "each claim is another attempt"

    def check_since(self, before: "Rows") -> None:
        """What no rule may do: count back, change what is final, make a move that is not legal."""
        for run_id, old in before.runs.items():
            run = self.runs[run_id]
            for count in ("attempt", "failures", "crash_count"):
                assert run[count] >= old[count]
            if old["status"] in FINAL:
                assert run == old
                assert len(self.paths[run_id]) == len(before.paths[run_id])
        for key, old in before.steps.items():
            if before.runs[key[0]]["status"] in FINAL:
                assert self.steps[key] == old
            moved = (old["status"], self.steps[key]["status"])
            assert moved[0] == moved[1] or moved in STEP_PAIRS, moved
            assert self.steps[key]["attempt"] >= old["attempt"]
            assert len(self.tries[key]) >= len(before.tries[key])

    def compare(self, model: Model) -> None:
        """That these are the model's rows."""
        assert self.runs.keys() == model.runs.keys()
        assert self.alive == model.alive
        assert self.sizes == {name: pool.size for name, pool in model.pools.items()}
        expected = {(name, number): run for name, pool in model.pools.items() for number, run in pool.slots.items()}
        assert {key: row["run_id"] for key, row in self.slots.items()} == expected
        for run in model.runs.values():
            assert self._run(run.id) == _expected(run)
            for node, step in run.steps.items():
                assert self._step(run.id, node) == _expected_step(step), (run.id, node)
                assert [(row["status"], row["reason"]) for row in self.tries[run.id, node]] == step.tries

    def _run(self, run_id: str) -> dict[str, Any]:
        row = self.runs[run_id]
        same = {name: row[name] for name in ("status", "reason", "attempt", "failures", "crash_count", "worker")}
        path = [move["to_status"] for move in self.paths[run_id]]
        return {**same, "cancel": row["cancel_requested_at"] is not None, "path": path}

    def _step(self, run_id: str, node: str) -> dict[str, Any]:
        row = self.steps[run_id, node]
        same = {name: row[name] for name in ("status", "reason", "attempt", "failures")}
        return {**same, "begun": row["started_at"] is not None, "waits": row["due_at"] is not None}


def _all(connection: Connection, query: Any) -> list[Any]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _expected(run: Run) -> dict[str, Any]:
    same = {name: getattr(run, name) for name in ("status", "reason", "attempt", "failures", "crash_count", "worker", "path")}
    return {**same, "cancel": run.cancel}


def _expected_step(step: Step) -> dict[str, Any]:
    same = {name: getattr(step, name) for name in ("status", "reason", "attempt", "failures", "begun")}
    return {**same, "waits": step.due is not None}
