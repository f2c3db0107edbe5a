"""What the store must do, said without SQL: runs of two steps, a chain, workers, pools and a clock.

Small on purpose and slow where that is simpler; it shares no code with the product, and every verb is one method.
"""

from dataclasses import dataclass, field

CRASHES = 3
FINAL = ("succeeded", "failed", "cancelled")
LOST = ("signal", "exit", "lease_lost")


@dataclass
class Step:
    """A step and its tries, each a status and a reason."""

    status: str = "pending"
    reason: str | None = None
    begun: bool = False
    attempt: int = 0
    failures: int = 0
    due: int | None = None
    tries: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status in ("pending", "running")


@dataclass
class Run:
    """`due` is None for a run that is due from its acceptance on. `rank` orders the queue."""

    id: str
    job: str
    needs: dict[str, int]
    rank: tuple[int, int]
    retries: int
    steps: dict[str, Step] = field(default_factory=lambda: {"a": Step(), "b": Step()})
    status: str = "queued"
    reason: str | None = None
    attempt: int = 0
    failures: int = 0
    crash_count: int = 0
    cancel: bool = False
    due: int | None = None
    worker: str | None = None
    path: list[str] = field(default_factory=lambda: ["queued"])

    def is_due(self, now: int) -> bool:
        """Whether it may begin."""
        return self.due is None or self.due <= now

    def move(self, status: str, reason: str | None = None) -> None:
        self.status = status
        self.worker = self.worker if status == "running" else None
        self.reason = reason if status in FINAL else self.reason
        self.path.append(status)


@dataclass
class Pool:
    """Numbered slots, each free or held by a run; one at or above the size is given to nobody."""

    size: int
    slots: dict[int, str | None]

    def free(self) -> list[int]:
        return [number for number, run in sorted(self.slots.items()) if run is None and number < self.size]


class Model:
    """The state, and the verbs that change it. `now` is in seconds."""

    def __init__(self) -> None:
        self.now = 0
        self.runs: dict[str, Run] = {}
        self.alive: dict[str, bool] = {}
        self.pools: dict[str, Pool] = {}

    def resize(self, name: str, size: int) -> None:
        old = self.pools.get(name, Pool(0, {}))
        kept = {number: run for number, run in old.slots.items() if run is not None or number < size}
        self.pools[name] = Pool(size, {**dict.fromkeys(range(size)), **kept})

    def holds(self, run_id: str, worker: str, attempt: int) -> bool:
        run = self.runs[run_id]
        return run.status == "running" and (run.worker, run.attempt) == (worker, attempt)

    def claim(self, worker: str, limit: int) -> list[str]:
        """The ids of what the worker gets, in order."""
        claimed: list[str] = []
        passed_over: set[str] = set()
        while self.alive[worker] and len(claimed) < limit:
            due = [run for run in self.runs.values() if run.status == "queued" and run.is_due(self.now)]
            first: dict[str, Run] = {}
            for run in sorted(due, key=lambda run: run.rank):
                first.setdefault(run.job, run)
            left = [run for run in first.values() if run.job not in passed_over]
            if not left:
                break
            run = min(left, key=lambda run: run.rank)
            if any(len(self.pools[name].free()) < count for name, count in run.needs.items()):
                passed_over.add(run.job)
                continue
            for name, count in run.needs.items():
                for number in self.pools[name].free()[:count]:
                    self.pools[name].slots[number] = run.id
            run.attempt += 1
            run.worker = worker
            run.move("running")
            claimed.append(run.id)
        return claimed

    def _free(self, run: Run) -> None:
        for pool in self.pools.values():
            pool.slots = {number: None if held == run.id else held for number, held in pool.slots.items()}

    def _end(self, run: Run, status: str, reason: str | None) -> None:
        for step in run.steps.values():
            if status != "succeeded" and step.is_open:
                step.status, step.reason = "cancelled", "cancelled" if status == "cancelled" else None
            if status != "succeeded" and step.tries and step.tries[-1][0] == "running":
                step.tries[-1] = ("cancelled", "cancelled" if status == "cancelled" else None)
        self._free(run)
        run.move(status, reason)

    def cancel(self, run: Run) -> None:
        if run.status in FINAL:
            return
        run.cancel = True
        if run.status == "queued":
            for step in run.steps.values():
                if step.status == "pending":
                    step.status, step.reason = "cancelled", "cancelled"
            run.move("cancelled", "cancelled")

    def begin(self, run: Run, node: str) -> None:
        step = run.steps[node]
        step.attempt += 1
        step.status, step.reason, step.due, step.begun = "running", None, None, True
        step.tries.append(("running", None))

    def succeed(self, run: Run, node: str) -> None:
        run.steps[node].status = "succeeded"
        run.steps[node].tries[-1] = ("succeeded", None)

    def fail(self, run: Run, node: str, again: int | None) -> None:
        step = run.steps[node]
        step.status, step.reason, step.due = "failed" if again is None else "pending", "exception", again
        step.failures += 1
        step.tries[-1] = ("failed", "exception")

    def skip(self, run: Run, node: str) -> None:
        run.steps[node].status, run.steps[node].reason = "skipped", "upstream_failed"

    def settle(self, run: Run, delay: int) -> None:
        waiting = [step for step in run.steps.values() if step.is_open]
        failed = [step for step in run.steps.values() if step.status == "failed"]
        if run.cancel and waiting:
            self._end(run, "cancelled", "cancelled")
        elif waiting:
            self._release(run, min((step.due for step in waiting if step.due is not None), default=None))
        elif not failed:
            self._end(run, "succeeded", None)
        elif run.failures < run.retries and not run.cancel:
            for step in run.steps.values():
                if step.status != "succeeded":
                    step.status, step.reason, step.begun, step.failures, step.due = "pending", None, False, 0, None
            run.failures += 1
            self._release(run, self.now + delay)
        else:
            self._end(run, "failed", failed[0].reason)

    def lose(self, run: Run, reason: str, *, counts: bool = True) -> None:
        """The process, or the worker, is gone; `counts` for a lost child, not for a run that is handed back."""
        for step in run.steps.values():
            if step.tries and step.tries[-1][0] == "running":
                step.tries[-1] = ("failed", reason)
            if step.status == "running":
                step.status, step.reason = "pending", reason
        crashes = run.crash_count + counts
        if run.cancel:
            self._end(run, "cancelled", "cancelled")
            return
        run.crash_count = crashes
        if crashes < CRASHES:
            self._release(run, None)
            return
        for step in run.steps.values():
            if step.status == "pending" and step.begun and step.reason in LOST:
                step.status = "failed"
        self._end(run, "failed", "crash_loop")

    def rescue(self, worker: str) -> None:
        self.alive[worker] = False
        for run in self.runs.values():
            if run.status == "running" and run.worker == worker:
                self.lose(run, "lease_lost")

    def _release(self, run: Run, due: int | None) -> None:
        run.due = due
        self._free(run)
        run.move("queued")
