"""SQLite's one writer: everybody's writes, in order, several to a commit, each in a savepoint of its own."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Engine

from app.errors import Unavailable
from app.store import driver, sqlite
from app.store.meter import Meter

_log = structlog.get_logger("openbell.lane")
_BATCH = 64
_BATCH_SECONDS = 0.02
"""A transaction takes no further write after this long: none lasts over 50 ms."""
_LONG_SECONDS = 0.05
_IDLE_SECONDS = 2.0

Work = Callable[[Connection], Any]


class _Item(NamedTuple):
    work: Work
    future: Future[Any]
    since: float


class WriterLane:
    """A thread that owns the writing connection. A write that raises is undone alone; the others in its commit stand."""

    def __init__(self, engine: Engine, committed: Callable[[set[str]], None]) -> None:
        self._engine = engine
        self._committed = committed
        self._meter = Meter()
        self._file = Path(engine.url.database or "")
        self._work: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="writer-lane", daemon=True)
        self._thread.start()

    def write(self, work: Work) -> Any:
        """Run the work in the lane; answers its result after the commit."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write must not wait for another write: pass the connection on instead")
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise Unavailable("The database is closed: the service is stopping.")
            self._work.put(_Item(work, future, time.monotonic()))
        return future.result()

    def facts(self) -> dict[str, Any]:
        """How long writes wait here and transactions last, and how many writes wait now."""
        return {"waiting": self._work.qsize(), **self._meter.facts()}

    def close(self) -> None:
        """Finish what was accepted, then end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: Connection | None = None
        while (item := self._next(connection)) is not None:
            try:
                connection = connection or self._engine.connect()
            except BaseException as error:
                # The lane goes on: the next write may find the database again.
                item.future.set_exception(error)
                continue
            try:
                going_on = self._commit(connection, item)
            except BaseException:
                # Nothing may end this thread: every write of the service waits for it.
                _log.exception("the writer lane stumbled")
                if not item.future.done():
                    item.future.set_exception(Unavailable("The write was not done: the service's own log says why."))
                connection.invalidate()
                connection, going_on = None, True
            if not going_on:
                break
        if connection is not None:
            connection.close()

    def _next(self, connection: Connection | None) -> _Item | None:
        """The write whose turn it is; None to end. While there is none, a log that grew under a reader is cut."""
        while True:
            try:
                return self._work.get(timeout=_IDLE_SECONDS if connection is not None else None)
            except queue.Empty:
                self._shrink(connection)

    def _shrink(self, connection: Connection | None) -> None:
        try:
            if connection is not None:
                sqlite.shrink(connection.connection.driver_connection, self._file)
        except Exception as error:
            _log.warning("the write-ahead log was not cut", error=str(error))

    def _commit(self, connection: Connection, first: _Item) -> bool:
        """One transaction of as many waiting writes as fit; False when the lane is to end after it."""
        done: list[tuple[Future[Any], Any]] = []
        waits: list[float] = []
        going_on, item = True, first
        connection.info["topics"] = topics = set[str]()
        began = time.monotonic()
        until = began + _BATCH_SECONDS
        try:
            with connection.begin():
                # The first needs no savepoint: when it fails, nobody else's write is undone with it.
                locked = time.monotonic()
                done.append((item.future, _done(item, connection, waits)))
                while len(done) < _BATCH and time.monotonic() <= until:
                    try:
                        following = self._work.get_nowait()
                    except queue.Empty:
                        break
                    if following is None:
                        going_on = False
                        break
                    item = following
                    self._one(connection, item, done, waits)
        except BaseException as error:
            for future, _ in done:
                future.set_exception(error)
            if not item.future.done():
                item.future.set_exception(error)
            return going_on
        for future, result in done:
            future.set_result(result)
        # From the lock on: what another process held it before is their transaction.
        self._meter.note(waits, time.monotonic() - locked)
        self._committed(topics)
        return going_on

    @staticmethod
    def _one(connection: Connection, item: _Item, done: list[tuple[Future[Any], Any]], waits: list[float]) -> None:
        driver.execute(connection, "SAVEPOINT one")
        try:
            result = _done(item, connection, waits)
        except BaseException as error:
            driver.execute(connection, "ROLLBACK TO one")
            item.future.set_exception(error)
        else:
            driver.execute(connection, "RELEASE one")
            done.append((item.future, result))


def _done(item: _Item, connection: Connection, waits: list[float]) -> Any:
    """The work's result; one that took long is named, for everybody else waited for it."""
    began = time.monotonic()
    waits.append(began - item.since)
    try:
        return item.work(connection)
    finally:
        if (took := time.monotonic() - began) > _LONG_SECONDS:
            _log.warning("a write held the lane", write=_name(item.work), seconds=round(took, 3))


def _name(work: Work) -> str:
    while hasattr(work, "func"):  # a functools.partial is named after what it calls
        work = work.func
    return f"{getattr(work, '__module__', '?')}.{getattr(work, '__qualname__', type(work).__name__)}"
