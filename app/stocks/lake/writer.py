"""Upserting wide work: blocks of rows in ascending key order go to open month files, so that no month is ever held whole."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from app.definitions.lake import FileFacts
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.merge import upsert
from app.stocks.lake.parquet import Sink
from app.stocks.schema import PARTITION_ALL, Spec

Find = Callable[[str], Path | None]
Done = Callable[[FileFacts], None]


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
        self.rows = 0

    def append(self, rows: pa.Table) -> None:
        """Upsert a block: rows in the lake's form (`rows.conform`, `rows.from_numpy`)."""
        if not len(rows):
            return
        self.rows += len(rows)
        upto = rows.column(self._spec.key[0])[len(rows) - 1].as_py()
        for partition, part in split(self._spec, rows):
            month = self._months.get(partition)
            if month is None:
                month = self._months[partition] = _Month(self._folder, self._spec, partition, self._find(partition))
            month.merge(part, upto)

    def __enter__(self) -> "BlockWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            for partition in sorted(self._months) if error is None else ():
                if (facts := self._months.pop(partition).finish()) is not None:
                    self._done(facts)
        finally:
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
            if merged is before:
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
        if self._sink:
            self._sink.discard()


def split(spec: Spec, rows: pa.Table) -> list[tuple[str, pa.Table]]:
    """The rows by partition, each part in key order."""
    if spec.month_of is None:
        return [(PARTITION_ALL, rows)]
    days = rows.column(spec.month_of).cast(pa.int32()).to_numpy()
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    numbers = (months - months.min()).astype(np.int16)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))
    moved = rows.take(order)
    return [
        (str(months.min() + number), moved.slice(start, end - start))
        for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True))
        if end > start
    ]
