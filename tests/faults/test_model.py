"""The store against a model of it: whatever is done in whatever order, by whoever, the rows are what the model says."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app import clock
from app.definitions.retry import RetryPolicy
from app.errors import LeaseLost
from app.store import claims, endings, pools, rescues, runs, steps, workers
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import Reason
from app.store.tables import metadata
from tests.faults.crash_loop import ALL
from tests.faults.reference_model import FINAL, Model, Run, Step
from tests.faults.reference_rows import Rows
from tests.store.conftest import OPS, began, failed, make_job, new_run, register, skipped, succeeded
from tests.store.conftest import database as database  # the fixture

DELAY = 1000
"""Seconds of every retry. The clock jumps by multiples of 600: real time that passes meanwhile makes nothing due."""
_JUMPS = st.sampled_from([-600, 600, 1200, 600 * 24 * 6 * 30])


POOLS = {"job:one": 1, "job:many": 3, "narrow": 2}
_RETRY = RetryPolicy(max_retries=1, delay=DELAY).model_dump(mode="json")


class Store(RuleBasedStateMachine):
    """Every rule does the same to the store and to the model; after each, their states are compared."""

    def __init__(self, database: Database, clock_file: Path) -> None:
        super().__init__()
        self.database, self.clock_file, self.model = database, clock_file, Model()
        self.rows: Rows | None = None
        self.fences: list[Fence] = []
        clock_file.write_text("0")

        def prepare(connection: Connection) -> None:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            for job in ("one", "many"):
                make_job(connection, job)
            for name, size in POOLS.items():
                pools.resize(connection, name, size)

        database.write(prepare)
        for name, size in POOLS.items():
            self.model.resize(name, size)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule, because of several each example would leave some out, and all that matters here takes three or four."""
        possible = [name for name, (_, condition) in ACTIONS.items() if condition(self)]
        name = data.draw(st.sampled_from([name for name in possible for _ in range(ACTIONS[name][0])]))
        getattr(self, name)(data)

    @invariant()
    def the_rows_are_what_the_model_says(self) -> None:
        with self.database.read() as connection:
            rows = Rows(connection)
        rows.check()
        if self.rows is not None:
            rows.check_since(self.rows)
        rows.compare(self.model)
        self.rows = rows

    def _fenced(self, fence: Fence, work: Callable[..., Any]) -> Run | None:
        """Write under the fence. The run when it holds; None when it was refused, as a stale one must be."""
        if self._holds(fence):
            self.database.write(partial(work, fence=fence))
            return self.model.runs[fence.run_id]
        with pytest.raises(LeaseLost):
            self.database.write(partial(work, fence=fence))
        return None

    def _fence(self, data: st.DataObject) -> Fence:
        """A claim: three times of four one that still holds, if there is one."""
        holding = [fence for fence in self.fences if self._holds(fence)]
        among = holding if holding and data.draw(st.integers(0, 3)) else self.fences
        return data.draw(st.sampled_from(among))

    def _holds(self, fence: Fence) -> bool:
        return self.model.holds(fence.run_id, fence.worker, fence.attempt)

    def _worker(self, data: st.DataObject) -> str:
        """A worker: three times of four a living one, if there is one."""
        alive = [worker for worker, lives in self.model.alive.items() if lives]
        return data.draw(st.sampled_from(alive if alive and data.draw(st.integers(0, 3)) else list(self.model.alive)))

    # The client

    def _accept(self, job: str, priority: int, needs: dict[str, int], retries: int, **more: Any) -> str:
        new = new_run(job, priority=priority, pools=needs, retry=_RETRY if retries else None, **more)
        run_id = self.database.write(lambda connection: runs.enqueue(connection, new)).id
        rank = (self.model.now - priority * 36, len(self.model.runs))
        self.model.runs[run_id] = Run(run_id, job, needs, rank, retries)
        return run_id

    def enqueue(self, data: st.DataObject) -> None:
        job, priority = data.draw(st.sampled_from(["one", "many"])), data.draw(st.sampled_from([50, 60]))
        narrow, retries = data.draw(st.sampled_from([1, 2, 0])), data.draw(st.integers(0, 1))
        self._accept(job, priority, {f"job:{job}": 1, **({"narrow": narrow} if narrow else {})}, retries)

    def retry_by_hand(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self._to_retry()))
        attempt = old.steps["a"].attempt
        now = clock.now()
        reused = {"a": {"status": "succeeded", "attempt": attempt, "started_at": now, "finished_at": now}}
        again = self._accept(old.job, 50, old.needs, old.retries, retry_of=old.id, reused=reused)
        self.model.runs[again].steps["a"] = Step("succeeded", attempt=attempt, begun=True)

    def _to_retry(self) -> list[Run]:
        return [run for run in self.model.runs.values() if run.status in FINAL and run.steps["a"].status == "succeeded"]

    def cancel(self, data: st.DataObject) -> None:
        running = [run.id for run in self.model.runs.values() if run.status == "running"]
        run_id = data.draw(st.sampled_from(running if running and data.draw(st.integers(0, 3)) else list(self.model.runs)))
        self.database.write(lambda connection: claims.request_cancel(connection, run_id))
        self.model.cancel(self.model.runs[run_id])

    def resize(self, data: st.DataObject) -> None:
        name, size = data.draw(st.sampled_from(sorted(POOLS))), data.draw(st.integers(1, 3))
        self.database.write(lambda connection: pools.resize(connection, name, size))
        self.model.resize(name, size)

    # The worker

    def start_worker(self, data: st.DataObject) -> None:
        worker = f"w{len(self.model.alive)}"
        self.database.write(lambda connection: register(connection, worker))
        self.model.alive[worker] = True

    def claim(self, data: st.DataObject) -> None:
        worker, limit = self._worker(data), data.draw(st.sampled_from([3, 1, 2]))
        found = self.database.write(lambda connection: claims.claim(connection, worker, OPS, limit))
        fences = [claimed.fence for claimed in found]
        expected = self.model.claim(worker, limit)
        assert fences == [Fence(run_id, worker, self.model.runs[run_id].attempt) for run_id in expected]
        self.fences += fences

    def beat(self, data: st.DataObject) -> None:
        worker = self._worker(data)
        alive = self.database.write(lambda connection: workers.renew(connection, worker, timedelta(seconds=30)))
        assert alive == self.model.alive[worker]

    def expire_or_crash_of_the_worker(self, data: st.DataObject) -> None:
        worker = self._worker(data)
        self.database.write(lambda connection: rescues.rescue(connection, worker, "test"))
        self.model.rescue(worker)

    def stop_worker(self, data: st.DataObject) -> None:
        worker = self._worker(data)
        self.database.write(lambda connection: workers.deregister(connection, worker))
        self.model.alive[worker] = False

    # The run's process

    def report(self, data: st.DataObject) -> None:
        """One batch of what a child tells."""
        fence = self._fence(data)
        run = self.model.runs[fence.run_id]
        if not self._holds(fence):
            self._fenced(fence, partial(_record, events=[began("a", 99)]))
            return
        told = [event for _ in range(data.draw(st.sampled_from([4, 2, 1]))) if (event := self._next(run, data)) is not None]
        self.database.write(partial(_record, fence=fence, events=told))

    def _next(self, run: Run, data: st.DataObject) -> Any:
        node = next((node for node, step in run.steps.items() if step.is_open), None)
        if node is None:
            return None
        step, attempt = run.steps[node], run.steps[node].attempt
        if step.status == "pending" and node == "b" and run.steps["a"].status != "succeeded":
            self.model.skip(run, node)
            return skipped(node)
        if step.status == "pending":
            if step.due is not None and step.due > self.model.now:
                return None
            self.model.begin(run, node)
            return began(node, attempt + 1)
        how = data.draw(st.sampled_from(["succeed", "succeed", "fail", "retry", "retry later"]))
        if how == "succeed":
            self.model.succeed(run, node)
            return succeeded(node, attempt)
        delay = {"fail": None, "retry": 0, "retry later": DELAY}[how]
        self.model.fail(run, node, None if delay is None else self.model.now + delay)
        at = None if delay is None else clock.iso(clock.now() + timedelta(seconds=delay))
        return failed(node, attempt, retry_at=at)

    def settle(self, data: st.DataObject) -> None:
        fence = self._fence(data)
        run = self.model.runs[fence.run_id]
        if self._holds(fence) and any(step.status == "running" for step in run.steps.values()):
            return  # a child says that the run has ended when none of its steps runs
        if self._fenced(fence, endings.settle):
            self.model.settle(run, DELAY)

    def crash_of_the_child(self, data: st.DataObject) -> None:
        fence = self._fence(data)
        if run := self._fenced(fence, partial(endings.lose, reason=Reason.signal, error={"type": "signal"})):
            self.model.lose(run, "signal")

    def hand_back(self, data: st.DataObject) -> None:
        fence = self._fence(data)
        if run := self._fenced(fence, endings.hand_back):
            self.model.lose(run, "interrupted", counts=False)

    def write_under_a_forged_fence(self, data: st.DataObject) -> None:
        fence = self._fence(data)
        own, attempt = fence.worker, fence.attempt
        forgeries = [Fence(fence.run_id, worker, attempt) for worker in self.model.alive if worker != own]
        forgeries += [Fence(fence.run_id, own, attempt + 1), Fence(fence.run_id, own, attempt - 1)]
        forged = data.draw(st.sampled_from(forgeries))
        if not self._holds(forged):
            self._fenced(forged, partial(_record, events=[began("a", 99)]))

    # The world

    def set_the_clock(self, data: st.DataObject) -> None:
        self.model.now += data.draw(_JUMPS)
        self.clock_file.write_text(str(self.model.now))

    def restart(self, data: st.DataObject) -> None:
        url = self.database.url.render_as_string(hide_password=False)
        self.database.close()
        self.database = Database(url)

    def teardown(self) -> None:
        self.database.close()


ACTIONS: dict[str, tuple[int, Callable[[Store], Any]]] = {
    "report": (10, lambda store: store.fences),
    "claim": (10, lambda store: store.model.alive),
    "settle": (4, lambda store: store.fences),
    "start_worker": (5, lambda store: sum(store.model.alive.values()) < 2),
    "enqueue": (3, lambda store: True),
    "crash_of_the_child": (4, lambda store: store.fences),
    "expire_or_crash_of_the_worker": (4, lambda store: store.model.alive),
    "cancel": (2, lambda store: store.model.runs),
    "hand_back": (1, lambda store: store.fences),
    "write_under_a_forged_fence": (3, lambda store: store.fences),
    "retry_by_hand": (1, Store._to_retry),
    "resize": (2, lambda store: True),
    "beat": (1, lambda store: store.model.alive),
    "stop_worker": (1, lambda store: store.model.alive),
    "set_the_clock": (1, lambda store: True),
    "restart": (1, lambda store: True),
}
"""How often each happens, and when it can."""


def _record(connection: Connection, fence: Fence, events: list[Any]) -> None:
    steps.record(connection, fence, events)


@pytest.mark.slow
@pytest.mark.timeout(3600 if ALL else 180)
def test_the_store_does_what_the_model_does(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_file = tmp_path / "clock"
    monkeypatch.setenv("OPENBELL_CLOCK_FILE", str(clock_file))
    url = database.url.render_as_string(hide_password=False)
    run_state_machine_as_test(
        lambda: Store(Database(url), clock_file),
        settings=settings(
            max_examples=1000 if ALL else 25,
            stateful_step_count=50,
            derandomize=not ALL,
            phases=(Phase.generate, Phase.shrink) if ALL else (Phase.generate,),  # to shrink a failure takes minutes
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
