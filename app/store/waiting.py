"""Why a queued run waits, as one sentence."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from sqlalchemy import Connection, func, select

from app import clock
from app.definitions.retry import RetryPolicy
from app.errors import CataloguePending
from app.store import catalogue, definitions, interruptions, workers
from app.store.pools import JOB
from app.store.status import RunStatus, StepStatus
from app.store.tables import definitions as definition_rows
from app.store.tables import pools, slots, steps


class Queue:
    """What the runs of one answer wait for. Whatever several of them have in common is read once."""

    def __init__(self, connection: Connection, lack: str | None = None) -> None:
        """`lack` is what keeps every run from beginning, if something does."""
        self._connection = connection
        self._lack = lack
        self._pool = cache(self._read_pool)

    def reason(self, run: Mapping[Any, Any]) -> str | None:
        """What a queued run waits for, in the order in which a claim would find it out; None for any other run."""
        if run["status"] != RunStatus.queued:
            return None
        able = self._able(run["code_versions"])
        return (
            self._due(run)
            or (f"the job {run['job']!r} is paused" if run["job"] in self._paused else None)
            or (None if able else self._nobody(run["code_versions"]))
            or self._lack
            or self._full(run["pools"])
            or _busy(able)
            or "its turn: a worker will claim it"
        )

    def _due(self, run: Mapping[Any, Any]) -> str | None:
        if run["due_at"] <= clock.now() or run["due_at"] == run["queued_at"]:
            return None
        at = clock.iso(run["due_at"])
        delayed = (steps.c.run_id == run["id"], steps.c.status == StepStatus.pending, steps.c.due_at.is_not(None))
        query = select(steps.c.node, steps.c.op, steps.c.failures, steps.c.error).where(*delayed).order_by(steps.c.due_at)
        if (step := self._connection.execute(query.limit(1)).first()) is not None:
            tries = _tries(step.failures, self._policy(run, step.node, step.op))
            return f"{interruptions.failure(step.node, step.error)}; {tries} at {at}"
        if run["interruption"] is None:
            return f"its due time, {at}"
        why = run["interruption"].rstrip(".")
        return (
            f"{why}; {_tries(run['failures'], run['retry'])} of the run at {at}" if run["failures"] else f"{why}; again at {at}"
        )

    def _policy(self, run: Mapping[Any, Any], node: str, op: str) -> Any:
        document = definitions.get(self._connection, "pipeline", run["pipeline"], run["pipeline_version"]).document
        own = next((one.get("retry") for one in document["nodes"] if one["id"] == node), None)
        try:
            spec = catalogue.current(self._connection).by_name.get(op)
        except CataloguePending:
            return own
        return own or (spec.retry if spec else None)

    @cached_property
    def _paused(self) -> set[str]:
        paused = (definition_rows.c.kind == "job", definition_rows.c.paused_at.is_not(None))
        return set(self._connection.execute(select(definition_rows.c.name).where(*paused)).scalars())

    @cached_property
    def _living(self) -> list[tuple[dict[str, Any], set[str] | None]]:
        """The workers, and the ops of each; None where it has not said yet what it has: that may be everything."""
        digests: dict[str, set[str]] = {}
        for row in (found := workers.registered(self._connection)):
            if row["catalogue"] is not None and row["catalogue"] not in digests:
                digests[row["catalogue"]] = set(catalogue.load(self._connection, row["catalogue"]).by_name)
        return [(row, digests.get(row["catalogue"])) for row in found]

    def _able(self, ops: Mapping[str, str]) -> list[dict[str, Any]]:
        return [row for row, known in self._living if known is None or ops.keys() <= known]

    def _nobody(self, ops: Mapping[str, str]) -> str:
        return f"no living worker has all of its ops ({', '.join(sorted(ops))})" if self._living else "no worker is alive"

    def _full(self, needed: Mapping[str, int]) -> str | None:
        found = [(name, count, *self._pool(name)) for name, count in sorted(needed.items())]
        # What can never be had comes first: everything else passes by itself.
        for name, count, size, _ in found:
            if count > size:
                return f"room in the pool {name!r}: it needs {count}, the pool has only {size}"
        for name, count, size, held in found:
            if size - held >= count:
                continue
            if name.startswith(JOB):
                return f"the job's max_concurrent_runs ({size}) is reached"
            return f"room in the pool {name!r}: {held} of {size} slots are held, it needs {count}"
        return None

    def _read_pool(self, name: str) -> tuple[int, int]:
        """Its size, and how many of its slots are held."""
        size = self._connection.execute(select(pools.c.size).where(pools.c.name == name)).scalar() or 0
        held = select(func.count()).where(slots.c.pool == name, slots.c.run_id.is_not(None))
        return size, self._connection.execute(held).scalar_one()


def _busy(able: list[dict[str, Any]]) -> str | None:
    """Whether those who could execute it have no slot left."""
    size, taken = sum(row["slots"] for row in able), sum(row["running"] for row in able)
    return f"a free slot: the living workers have {size}, all of them taken" if taken >= size else None


def _tries(failures: int, policy: Any) -> str:
    """Which try comes next, of how many: `try 2 of 3`."""
    last = RetryPolicy.model_validate(policy).max_retries + 1 if policy is not None else None
    return f"try {failures + 1} of {last}" if last is not None else f"try {failures + 1}"
