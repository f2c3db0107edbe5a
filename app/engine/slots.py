"""The runs that a worker supervises, one to a slot; to be ended all at once, with those that are still to come."""

import threading
from collections.abc import Callable, Collection

from app.engine.supervisor import Supervisor
from app.store.fence import Fence


class Slots:
    """Any thread may ask and change it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._taken: dict[Fence, Supervisor] = {}
        self._expected: dict[Fence, Fence] = {}
        self._ended: Callable[[Supervisor], None] | None = None

    @property
    def supervisors(self) -> list[Supervisor]:
        """Those at work."""
        with self._lock:
            return list(self._taken.values())

    @property
    def free(self) -> int:
        """How many slots nobody has."""
        with self._lock:
            return self._size - len(self._taken)

    def fill(self, supervisor: Supervisor, after: Supervisor | None = None) -> None:
        """Give it a slot, that of the one before if there was one. It is ended at once if all are."""
        with self._lock:
            if after is not None:
                self._drop(after)
            self._taken[supervisor.fence] = supervisor
            ended = self._ended
        if ended is not None:
            ended(supervisor)

    def empty(self, supervisor: Supervisor) -> bool:
        """Take its slot from it; whether all had been taken."""
        with self._lock:
            full = len(self._taken) >= self._size
            self._drop(supervisor)
        return full

    def expect(self, supervisor: Supervisor, following: Fence) -> None:
        """That attempt is about to be claimed for the supervisor's slot: until it is there, it is no stray."""
        with self._lock:
            self._expected[supervisor.fence] = following

    def strays(self, held: Collection[Fence]) -> list[Fence]:
        """Which of the attempts that the database says are the worker's nobody here supervises, nor is about to."""
        with self._lock:
            known = {*self._taken, *self._expected.values()}
        return [fence for fence in held if fence not in known]

    def end(self, how: Callable[[Supervisor], None]) -> list[Supervisor]:
        """End all in this way, now, and every one that comes later; answers those that were there."""
        with self._lock:
            self._ended = how
            found = list(self._taken.values())
        for supervisor in found:
            how(supervisor)
        return found

    def _drop(self, supervisor: Supervisor) -> None:
        del self._taken[supervisor.fence]
        self._expected.pop(supervisor.fence, None)
