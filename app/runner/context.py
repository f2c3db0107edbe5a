"""The object that an op's `context` parameter receives."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from app import clock
from app.definitions.context import Cancelled
from app.definitions.lake import Lake, StagedFile, Work
from app.runner.graph import Node
from app.runner.logs import StepLog
from app.runner.metrics import Metrics
from app.runner.publication import publish
from app.runner.run import Run


class StepContext:
    """`definitions.context.OpContext` for one attempt of one step."""

    def __init__(self, run: Run, node: Node, staged: list[StagedFile], metrics: Metrics) -> None:
        self.run_id = run.spec["id"]
        self.job = run.spec["job"]
        self.node = node.id
        self.attempt = node.attempts
        self.trade_date = run.trade_date
        self.params = dict(run.spec["params"])
        self.tags = dict(run.spec["tags"])
        self.log = StepLog(run.journal)
        self.settings = run.settings
        self.data_dir = run.settings.data_dir
        self._run = run
        self._node = node
        self._staged = staged
        self._metrics = metrics
        if isinstance(staged, Work):
            run.lake.begins(node, staged)

    @property
    def scratch(self) -> Path:
        self._run.scratch.mkdir(parents=True, exist_ok=True)
        return self._run.scratch

    @property
    def lake(self) -> Lake:
        return self._run.lake.get()

    @property
    def cancelled(self) -> bool:
        if self._run.cancelled.is_set():
            self._node.saw_stop = True
        return self._node.saw_stop

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled("the run was asked to stop, and its op stopped")

    def metric(self, name: str, value: float | int | str | None) -> None:
        self._metrics.report(name, value)

    def sessions(self, calendar: str = "XSHG") -> list[date]:
        return self._run.sessions(calendar)

    def now(self) -> datetime:
        return clock.now()

    def maintain(self, duty: str) -> dict[str, Any]:
        done: dict[str, Any] = self._run.emitter.ask("maintain", {"duty": duty})
        return done

    def publish(self) -> int | None:
        if self._node.saw_stop:
            raise Cancelled("what is published once the op has seen that it is to stop would be half done")
        return publish(self._run, self._node, self._staged, None)
