"""Immutable Parquet files: written aside, named after their content, moved into place whole.

A file's name holds a hash of its bytes. Its row groups have 16,384 rows whatever blocks of work its rows came in, so the same
rows give the same bytes, hence the same name; and one instrument is read without its neighbours.
"""

import hashlib
import os
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from app import intact
from app.definitions.lake import FileFacts
from app.durable import sync
from app.stocks.lake.rows import plain
from app.stocks.schema import Spec

ROWS_PER_GROUP = 16_384
ASIDE = ".tmp"
"""The folder beside the datasets in which files are written."""
_EPOCH = date(1970, 1, 1)
_HASH_DIGITS = 16
_LOCK_SECONDS = 60


def settings(spec: Spec) -> dict[str, Any]:
    """The Parquet writer's settings for a dataset.

    Dictionaries for text alone: tried on floats they cost 2.6 times the time. Floats that were computed use all their bits,
    and byte-stream-split makes them smaller and faster; prices with two decimals it makes larger.
    """
    floats = [column.name for column in spec.columns if column.type == "float"]
    return {
        "compression": "zstd",
        "use_dictionary": list(spec.strings),
        "use_byte_stream_split": floats if spec.computed else False,
        "write_statistics": list(spec.key),
    }


class Sink:
    """One file in the making. Append rows in key order, then `finish` or `discard`."""

    def __init__(self, folder: Path, spec: Spec, partition: str) -> None:
        self._folder = folder
        self._spec = spec
        self._partition = partition
        aside = folder / ASIDE
        aside.mkdir(parents=True, exist_ok=True)
        self._aside = aside / f"{spec.name}-{partition}-{uuid.uuid4().hex}"
        self._writer = pq.ParquetWriter(self._aside, spec.arrow, **settings(spec))
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._rows = 0
        self._days: list[int] = []

    def append(self, table: pa.Table) -> None:
        """Add rows that come after all the earlier ones in key order, in the lake's form."""
        self._waiting.append(table)
        self._waiting_rows += len(table)
        if self._waiting_rows < ROWS_PER_GROUP:
            return
        joined = pa.concat_tables(self._waiting)
        full = len(joined) - len(joined) % ROWS_PER_GROUP
        for start in range(0, full, ROWS_PER_GROUP):
            self._write(joined.slice(start, ROWS_PER_GROUP))
        # A copy: a slice would keep the whole block of symbols alive behind it.
        rest = joined.slice(full)
        self._waiting = [rest.take(np.arange(len(rest)))] if len(rest) else []
        self._waiting_rows = len(rest)

    def finish(self) -> FileFacts:
        """Put the file in its place, durable and read-only, and say what it is. A like one that is there already stays."""
        if self._waiting_rows:
            self._write(pa.concat_tables(self._waiting))
        self._writer.close()
        with self._aside.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()[:_HASH_DIGITS]
        path = f"{self._spec.name}/{self._partition}-{digest}.parquet"
        settle(self._aside, self._folder / path)
        return {
            "dataset": self._spec.name,
            "partition": self._partition,
            "path": path,
            "rows": self._rows,
            "bytes": (self._folder / path).stat().st_size,
            "min_date": _iso(min(self._days, default=None)),
            "max_date": _iso(max(self._days, default=None)),
        }

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._writer.is_open:
            self._writer.close()
        self._aside.unlink(missing_ok=True)

    def _write(self, table: pa.Table) -> None:
        table = plain(self._spec, table).combine_chunks()
        if name := self._spec.date_column:
            days = table.column(name).cast(pa.int32()).drop_null().to_numpy()
            self._days += [int(days.min()), int(days.max())] if len(days) else []
        self._rows += len(table)
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)


def settle(aside: Path, place: Path) -> None:
    """Move a finished file into its place: durable, then read-only, then named; all or nothing."""
    if not place.parent.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        sync(place.parent.parent)
    # One that was damaged since is healed by its like.
    if intact.is_intact(place) and _touch(place):
        aside.unlink()
        return
    sync(aside)
    # Under a further name of an old file it would be taken away as one that nobody needs.
    os.utime(aside)
    aside.chmod(0o444)
    aside.replace(place)
    sync(place.parent)


def guarded(lake: Path) -> FileLock:
    """While it is held no file of the lake is taken away, and none that is there already is taken up."""
    return FileLock(lake / ".lock", timeout=_LOCK_SECONDS)


def _touch(place: Path) -> bool:
    """Make the file look new, or it might be taken away as one that nobody named; whether it was still there."""
    with guarded(place.parent.parent):
        try:
            os.utime(place)
        except FileNotFoundError:
            return False
    return True


def _iso(day: int | None) -> str | None:
    return None if day is None else (_EPOCH + timedelta(days=day)).isoformat()
