"""SQLite's one writer: everybody's writes, in order, several to a commit, each in a savepoint of its own."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from app.errors import Unavailable

_log = structlog.get_logger("openbell.lane")
_BATCH = 64
_BATCH_SECONDS = 0.02
"""A transaction takes no further write after this long: none lasts over 50 ms."""

Work = Callable[[Connection], Any]


class WriterLane:
    """A thread that owns the writing connection. A write that raises is undone alone; the others in its commit stand."""

    def __init__(self, engine: Engine, committed: Callable[[set[str]], None]) -> None:
        self._engine = engine
        self._committed = committed
        self._work: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
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
            self._work.put((work, future))
        return future.result()

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
        while (item := self._work.get()) is not None:
            try:
                connection = connection or self._engine.connect()
            except BaseException as error:
                # The lane goes on: the next write may find the database again.
                item[1].set_exception(error)
                continue
            try:
                going_on = self._commit(connection, item)
            except BaseException:
                # Nothing may end this thread: every write of the service waits for it.
                _log.exception("the writer lane stumbled")
                if not item[1].done():
                    item[1].set_exception(Unavailable("The write was not done: the service's own log says why."))
                connection.invalidate()
                connection, going_on = None, True
            if not going_on:
                break
        if connection is not None:
            connection.close()

    def _commit(self, connection: Connection, first: tuple[Work, Future[Any]]) -> bool:
        """One transaction of as many waiting writes as fit; False when the lane is to end after it."""
        done: list[tuple[Future[Any], Any]] = []
        going_on, item = True, first
        connection.info["topics"] = topics = set[str]()
        until = time.monotonic() + _BATCH_SECONDS
        try:
            with connection.begin():
                # The first needs no savepoint: when it fails, nobody else's write is undone with it.
                done.append((item[1], item[0](connection)))
                while len(done) < _BATCH and time.monotonic() <= until:
                    try:
                        following = self._work.get_nowait()
                    except queue.Empty:
                        break
                    if following is None:
                        going_on = False
                        break
                    item = following
                    self._one(connection, item, done)
        except BaseException as error:
            for future, _ in done:
                future.set_exception(error)
            if not item[1].done():
                item[1].set_exception(error)
            return going_on
        for future, result in done:
            future.set_result(result)
        self._committed(topics)
        return going_on

    @staticmethod
    def _one(connection: Connection, item: tuple[Work, Future[Any]], done: list[tuple[Future[Any], Any]]) -> None:
        work, future = item
        savepoint = connection.begin_nested()
        try:
            result = work(connection)
        except BaseException as error:
            savepoint.rollback()
            future.set_exception(error)
        else:
            savepoint.commit()
            done.append((future, result))
