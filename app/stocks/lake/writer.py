"""Upserting wide work: blocks of rows in ascending key order go to open month files, so that no month is ever held whole."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from app.definitions.lake import FileFacts
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.merge import upsert
from app.stocks.lake.parquet import Sink
from app.stocks.schema import Spec

Find = Callable[[str], Path | None]
Done = Callable[[FileFacts], None]
Parts = Iterable[tuple[str, pa.Table]]

_THREADS = 2
"""Encoding releases the interpreter lock and takes as long as all calculation: it goes on beside the next block's."""


class BlockWriter:
    """Upserts blocks. Each block holds every new row of its range of first-key values; the ranges ascend.

    As a context manager: a clean end puts the changed files in place and hands each one's facts to `done`; an exception
    leaves nothing behind.
    """

    def __init__(self, folder: Path, spec: Spec, find: Find, done: Done) -> None:
        self._folder = folder
        self._spec = spec
        self._find = find
        self._done = done
        self._months: dict[str, _Month] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="lake-writer")
        self._pending: list[Future[None]] = []

    @property
    def partitions(self) -> set[str]:
        """The partitions that got rows."""
        return set(self._months)

    def append(self, parts: Parts) -> None:
        """Upsert a block, cut into partitions (`rows.split`, `rows.from_numpy`); the block before it is written by then."""
        parts = list(parts)
        upto = max((part.column(self._spec.key[0])[len(part) - 1].as_py() for _, part in parts), default="")
        self._settle()
        for partition, part in parts:
            month = self._months.get(partition)
            if month is None:
                month = self._months[partition] = _Month(self._folder, self._spec, partition, self._find(partition))
            self._pending.append(self._pool.submit(month.merge, part, upto))

    def _settle(self) -> None:
        pending, self._pending = self._pending, []
        for merged in pending:
            merged.result()

    def __enter__(self) -> "BlockWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._settle()
                for facts in self._pool.map(_Month.finish, [month for _, month in sorted(self._months.items())]):
                    if facts is not None:
                        self._done(facts)
        finally:
            wait(self._pending)
            self._pool.shutdown()
            for month in self._months.values():
                month.discard()


class _Month:
    """One month's file in the making over the file that it may replace; opened at the first change."""

    def __init__(self, folder: Path, spec: Spec, partition: str, base: Path | None) -> None:
        self._folder = folder
        self._spec = spec
        self._partition = partition
        self._base = base
        self._cursor = Cursor(base, spec) if base else None
        self._seen: str | None = None
        self._sink: Sink | None = None

    def merge(self, rows: pa.Table, upto: str) -> None:
        before = self._cursor.take(upto) if self._cursor else None
        merged = upsert(self._spec, before, rows)
        if self._sink is None:
            # A file that lacks a column is written again, or readers of the whole folder would not see it.
            if merged is before and not (self._cursor and self._cursor.lacking):
                self._seen = upto
                return
            self._sink = Sink(self._folder, self._spec, self._partition)
            if self._base and self._seen is not None:
                self._sink.append(Cursor(self._base, self._spec).take(self._seen))
        self._sink.append(merged)

    def finish(self) -> FileFacts | None:
        """The new file's facts; None when nothing changed."""
        if self._sink is None:
            return None
        if self._cursor:
            self._sink.append(self._cursor.take())
        return self._sink.finish()

    def discard(self) -> None:
        """Leave nothing of an unfinished file behind."""
        if self._sink:
            self._sink.discard()
