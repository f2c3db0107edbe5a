"""The run processes of one worker: warm ones are kept, fresh ones forked, worn ones ended."""

import threading
import time
from typing import NamedTuple

from app.engine.child import Child, ChildLost, Received
from app.engine.exits import ExitFacts
from app.engine.forkserver import ForkServer
from app.engine.query_child import QueryChild
from app.errors import Unavailable
from app.settings import Settings

__all__ = ["Child", "ChildLost", "ChildPool", "ExitFacts", "ForkServer", "QueryChild", "Received"]

_START_SECONDS = 60


class _Idle(NamedTuple):
    child: Child
    since: float


class ChildPool:
    """Lends run processes to supervisors. Any thread may call it."""

    def __init__(self, forkserver: ForkServer, settings: Settings) -> None:
        self._forkserver = forkserver
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._closed = False

    def start(self) -> None:
        """Have a first process ready as soon as the op modules are imported, without waiting for it."""
        threading.Thread(target=self._warm, name="warm-child", daemon=True).start()

    def take(self, timeout: float = _START_SECONDS) -> Child:
        """A process that is ready: the one used last, or a fresh one.

        Raises Unavailable when the op modules are not imported within `timeout` seconds, ChildLost when it ended at once.
        """
        while (child := self._pop()) is not None:
            # It may have ended since, and what it told while it was idle is nobody's.
            if child.receive(0).exit is None:
                return child
            child.close()
        return Child.start(self._forkserver, timeout)

    def give_back(self, child: Child, memory_bytes: int) -> None:
        """Take a process back after a run; it is kept if it is clean, has not run often, and `memory_bytes` have not piled up."""
        child.runs += 1
        fresh = child.runs < self._settings.child_runs and memory_bytes <= self._settings.child_growth_bytes
        if not (child.clean and fresh and self._push(child)):
            child.end()

    def discard(self, child: Child) -> None:
        """End a process, with all that it started, at once."""
        child.close()

    def reap_idle(self) -> int:
        """End the processes that nobody has needed for long; how many."""
        since = time.monotonic() - self._settings.child_idle_seconds
        with self._lock:
            # The longest idle stand first: they are taken from the other end.
            worn = [idle for idle in self._idle if idle.since <= since]
            self._idle = [idle for idle in self._idle if idle.since > since]
        for idle in worn:
            idle.child.end()
        return len(worn)

    def close(self) -> None:
        """End the idle processes; one that comes back later is ended then."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child, _ in idle:
            child.close()

    def _pop(self) -> Child | None:
        with self._lock:
            if self._closed:
                raise Unavailable("The worker is being stopped.")
            return self._idle.pop().child if self._idle else None

    def _push(self, child: Child) -> bool:
        with self._lock:
            if not self._closed and len(self._idle) < self._settings.slots:
                self._idle.append(_Idle(child, time.monotonic()))
                return True
        return False

    def _warm(self) -> None:
        try:
            child = Child.start(self._forkserver, _START_SECONDS)
        except (Unavailable, ChildLost):
            return
        if not self._push(child):
            child.end()
