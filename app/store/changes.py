"""The one in-process notifier: set after each commit; waiting requests, streams and the dispatcher hang on it."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog

_log = structlog.get_logger("openbell.changes")
QUEUE = "queue"
TRANSITIONS = "transitions"
LAKE = "lake"
FIRINGS = "firings"
TIMES = "times"
"""What is to be looked at when: schedules, calendars, deadlines."""

CALENDARS = "calendars"
EVERYTHING = "*"


def run_topic(run_id: str) -> str:
    """What changes when a run does."""
    return f"run:{run_id}"


def ended_topic(run_id: str) -> str:
    """What changes once, when a run ends: who waits for that is not woken by every step."""
    return f"ended:{run_id}"


def cancel_topic(run_id: str) -> str:
    """What changes when a run is asked to stop."""
    return f"cancel:{run_id}"


def log_topic(run_id: str) -> str:
    """What changes when a run's log grows."""
    return f"log:{run_id}"


class Changes:
    """Topics to the callbacks that wait for them. A callback must be quick and must not raise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Callable[[], None]]] = {}

    def notify(self, topics: Iterable[str]) -> None:
        """Call everyone who listens to one of the topics, or to all when `EVERYTHING` is among them."""
        topics = set(topics)
        with self._lock:
            chosen = self._listeners if EVERYTHING in topics else topics & self._listeners.keys()
            callbacks = {callback for topic in chosen for callback in self._listeners[topic]}
        for callback in callbacks:
            try:
                callback()
            except Exception:
                # Whoever notifies has committed; a listener's fault must not become the writer's.
                _log.exception("a listener failed")

    @contextmanager
    def listening(self, topic: str, callback: Callable[[], None]) -> Iterator[None]:
        """Call back for each change of the topic while the block runs."""
        with self._lock:
            self._listeners.setdefault(topic, set()).add(callback)
        try:
            yield
        finally:
            with self._lock:
                listeners = self._listeners[topic]
                listeners.discard(callback)
                if not listeners:
                    del self._listeners[topic]

    @contextmanager
    def flag(self, topic: str) -> Iterator[threading.Event]:
        """A thread's flag that a change of the topic sets."""
        flag = threading.Event()
        with self.listening(topic, flag.set):
            yield flag

    @contextmanager
    def async_flag(self, topic: str) -> Iterator[asyncio.Event]:
        """A coroutine's flag that a change of the topic sets, from whichever thread."""
        loop, flag = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # The loop may close between the look-up and the call, when the service stops.
            if not loop.is_closed():
                loop.call_soon_threadsafe(flag.set)

        with self.listening(topic, wake):
            yield flag
