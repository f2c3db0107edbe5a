"""A duty: something that is done again when a topic changes, or when it said to be asked again."""

import threading
from collections.abc import Callable

import structlog

from app.store.changes import Changes

_log = structlog.get_logger("openbell.duty")
_AGAIN_SECONDS = 1.0
_STOP_SECONDS = 10


class Duty:
    """A plain thread on the monotonic clock. `do` answers after how many seconds to do it again; what fails, soon."""

    def __init__(self, name: str, changes: Changes, topic: str, do: Callable[[], float]) -> None:
        self._name = name
        self._changes = changes
        self._topic = topic
        self._do = do
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._doing, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do it no more; waits for what is under way."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=_STOP_SECONDS)

    def _doing(self) -> None:
        with self._changes.listening(self._topic, self._woken.set):
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    wait = self._do()
                except Exception as error:
                    _log.warning("a duty failed; again soon", duty=self._name, error=str(error))
                    wait = _AGAIN_SECONDS
                self._woken.wait(wait)
