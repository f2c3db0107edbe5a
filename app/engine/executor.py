"""APScheduler's executor for runs: one thread a slot, and a future that never raises.

APScheduler's own pool executors drop or leak a job whose future raises or is cancelled; a run's end comes from the
database, never from APScheduler's events.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog
from apscheduler.executors.pool import BasePoolExecutor

_log = structlog.get_logger("openbell.executor")


class _Quiet(ThreadPoolExecutor):
    def submit(self, work: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        def guarded() -> list[Any]:
            try:
                return list(work(*arguments, **keywords))
            except BaseException:
                _log.exception("a run's supervisor failed")
                return []

        return super().submit(guarded)


class SlotExecutor(BasePoolExecutor):  # type: ignore[misc] # APScheduler has no types
    """`slots` threads; what is given to one occupies it until it ends."""

    def __init__(self, slots: int) -> None:
        super().__init__(_Quiet(max_workers=slots, thread_name_prefix="slot"))
