"""Reading one file in key order, in ranges of its first key column; each row group is decoded once at most."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app import intact
from app.stocks.lake.rows import form
from app.stocks.schema import Spec


class Cursor:
    """The rows of one file, taken from the front. `only` skips row groups that hold none of those first-key values, `since`
    those that end before that one.

    Raises FileDamaged for a file of the lake that is not as it was written.
    """

    def __init__(
        self,
        path: Path,
        spec: Spec,
        columns: Sequence[str] | None = None,
        only: Collection[str] | None = None,
        since: str | None = None,
    ) -> None:
        self._path = path
        self._spec = spec
        self._columns = [name for name in spec.names if columns is None or name in columns or name in spec.key]
        intact.check(path)
        self._metadata = pq.read_metadata(path)
        groups = [group for group in _bounds(self._metadata, spec.key[0]) if _holds(group, only)]
        self._groups = [group for group in groups if since is None or group[2] >= since]
        self._rest: pa.Table | None = None

    @property
    def lacking(self) -> bool:
        """Whether the dataset has grown by a column since the file was written."""
        return not set(self._columns) <= set(self._metadata.schema.names)

    @property
    def last(self) -> str | None:
        """The greatest first-key value that is still to come."""
        if self._groups:
            return self._groups[-1][2]
        return _last(self._rest, self._spec.key[0]) if self._rest is not None else None

    @property
    def near(self) -> str | None:
        """A first-key value up to which a small part can be taken: the end of the next row group. None at the end."""
        return self._groups[0][2] if self._groups else self.last

    def take(self, upto: str | None = None) -> pa.Table:
        """The rows not yet taken whose first key is at most `upto` (None: all of them), in the lake's form."""
        due = [group for group in self._groups if upto is None or group[1] <= upto]
        self._groups = self._groups[len(due) :]
        pieces = [self._rest] if self._rest is not None else []
        if due:
            pieces.append(self._read([number for number, _, _ in due]))
        table = pa.concat_tables(pieces) if pieces else form(self._spec, self._columns).empty_table()
        self._rest = None
        if upto is None or not len(table) or _last(table, self._spec.key[0]) <= upto:
            return table
        here = _count(table.column(self._spec.key[0]), upto)
        rest = table.slice(here)
        self._rest = rest.combine_chunks()
        return table.slice(0, here)

    def _read(self, groups: list[int]) -> pa.Table:
        there = self._metadata.schema.names
        texts = [name for name in self._spec.strings if name in there]
        with pq.ParquetFile(self._path, metadata=self._metadata, read_dictionary=texts) as file:
            table = file.read_row_groups(groups, columns=self._columns)
        for name in self._columns:
            # A dataset may have grown since the file was written.
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table), self._spec.arrow.field(name).type))
        return table.select(self._columns).cast(form(self._spec, self._columns))


def _bounds(metadata: Any, name: str) -> list[tuple[int, str, str]]:
    """Number, least and greatest value of each row group."""
    at = metadata.schema.names.index(name)
    found = []
    for number in range(metadata.num_row_groups):
        statistics = metadata.row_group(number).column(at).statistics
        found.append((number, statistics.min, statistics.max))
    return found


def _holds(group: tuple[int, str, str], only: Collection[str] | None) -> bool:
    return only is None or any(group[1] <= value <= group[2] for value in only)


def _count(column: pa.ChunkedArray, upto: str) -> int:
    """How many of the dictionary-encoded values are at most `upto`: the text is compared once a distinct value."""
    return sum(
        int(pc.less_equal(chunk.dictionary, upto).to_numpy(zero_copy_only=False)[chunk.indices.to_numpy()].sum())
        for chunk in column.chunks
    )


def _last(table: pa.Table, name: str) -> Any:
    return table.column(name)[len(table) - 1].as_py()
