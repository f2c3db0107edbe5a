"""The step loop: runs whatever may run, branches beside each other, until nothing is left to do now."""

import queue
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial

from app import clock
from app.definitions.messages import RunEnded
from app.runner import leftovers, memory, standing
from app.runner.graph import Node, Obstacle
from app.runner.run import Run
from app.runner.step import attempt

BRANCHES = 16
"""Steps of one run that run at once; what is beyond waits for one of them."""

_threads = ThreadPoolExecutor(BRANCHES, thread_name_prefix=leftovers.OURS)


class Loop:
    """One attempt of a run. The loop alone decides what begins; a step changes its own node and no other."""

    def __init__(self, run: Run) -> None:
        self._run = run
        run.attempt = partial(attempt, alone=False)
        self._ready: deque[Node] = deque()
        self._delayed: list[Node] = []
        self._running: dict[Future[None], Node] = {}
        self._done: queue.SimpleQueue[Future[None]] = queue.SimpleQueue()
        # A run holds of each pool what its neediest step wants: steps that want more together take turns.
        self._held = Counter[str]()
        for node in run.nodes:
            self._held |= Counter(node.pools)
        self._used = Counter[str]()

    def run(self) -> RunEnded:
        """Run until all steps are final, what is left waits for a delayed retry, or the run was cancelled."""
        for node in self._run.nodes:
            self._consider(node)
        while True:
            self._begin()
            if not self._running:
                return RunEnded(
                    type="run_ended",
                    due_at=self._due_at(),
                    memory_bytes=memory.grown_bytes(),
                    clean=self._is_clean(),
                )
            self._run.emitter.flush()
            self._await_one()

    def _is_clean(self) -> bool:
        """Whether the next run would meet nothing of this one here."""
        if changed := standing.restore():
            sentence = f"An op changed what cannot be put back: {', '.join(changed)}. This process is not used again."
            self._run.journal.write("warning", sentence, {})
        return not changed and not leftovers.left()

    def _begin(self) -> None:
        self._wake_delayed()
        while not self._run.cancelled.is_set() and (node := self._next()) is not None:
            if self._ready or self._running or self._delayed:
                future = _threads.submit(attempt, node, self._run, alone=not self._running)
                self._running[future] = node
                self._used.update(node.pools)
                future.add_done_callback(self._done.put)
            else:
                # A chain stays on this thread: a hop costs as much as a small step.
                attempt(node, self._run, alone=True)
                self._settle(node)

    def _next(self) -> Node | None:
        """The first ready node for which the slots that the run holds suffice, beside the steps that run."""
        for node in self._ready:
            if self._used + Counter(node.pools) <= self._held:
                self._ready.remove(node)
                return node
        return None

    def _await_one(self) -> None:
        due = self._due()
        timeout = max((due - clock.now()).total_seconds(), 0) if due else None
        try:
            future = self._done.get(timeout=timeout)
        except queue.Empty:
            return
        node = self._running.pop(future)
        self._used.subtract(node.pools)
        # A step's own errors are its end; what is raised here is a fault of the runner, and ends this process.
        future.result()
        self._settle(node)

    def _settle(self, node: Node) -> None:
        if not node.is_final:
            self._consider(node)
            return
        ended = [node]
        while ended:
            node = ended.pop()
            for source in {source.node for source in node.sources}:
                if all(consumer.is_final for consumer in source.consumers):
                    self._run.frames.release(source.id)
            ended += [consumer for consumer in node.consumers if self._consider(consumer)]

    def _consider(self, node: Node) -> bool:
        """Make a pending node ready or delayed, or skip it (then true), once everything before it is final."""
        if node.status != "pending" or not all(source.node.is_final for source in node.sources):
            return False
        if obstacle := node.obstacle():
            self._skip(node, obstacle)
            return True
        if node.is_due(clock.now()):
            node.status = "ready"
            self._ready.append(node)
        else:
            node.status = "delayed"
            self._delayed.append(node)
        return False

    def _skip(self, node: Node, obstacle: Obstacle) -> None:
        reason, detail = obstacle
        node.broken = reason == "upstream_failed"
        node.status = "skipped"
        at = clock.iso(clock.now())
        self._run.emitter.emit({"type": "step_skipped", "node": node.id, "at": at, "reason": reason, "detail": detail})

    def _wake_delayed(self) -> None:
        now = clock.now()
        for node in [node for node in self._delayed if node.is_due(now)]:
            self._delayed.remove(node)
            node.status = "ready"
            self._ready.append(node)

    def _due(self) -> datetime | None:
        return min((node.due_at for node in self._delayed if node.due_at), default=None)

    def _due_at(self) -> str | None:
        due = None if self._run.cancelled.is_set() else self._due()
        return clock.iso(due) if due else None
