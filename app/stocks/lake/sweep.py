"""Reading a whole dataset once, from the first instrument to the last, in blocks that fit into memory."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app import intact
from app.definitions.lake import FileFacts
from app.stocks.lake.cursor import Cursor
from app.stocks.schema import Spec

ROWS_PER_BLOCK = 500_000


@dataclass(frozen=True)
class Block:
    """Rows of some instruments as arrays, by instrument, then by date.

    `code` is each row's position in `symbols`, `days` its date since 1970; numbers are float64 with NaN for null.
    """

    symbols: list[str]
    code: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    values: dict[str, npt.NDArray[Any]]


def ranges(code: npt.NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """First row and end of each instrument's rows, from the sorted positions that `Block.code` holds."""
    cuts = np.flatnonzero(np.diff(code)) + 1
    edges = [0, *cuts.tolist(), len(code)] if len(code) else [0]
    yield from itertools.pairwise(edges)


class Sweep:
    """One pass over a dataset keyed by (order_book_id, trade_date). `only` leaves out all other instruments."""

    def __init__(
        self, folder: Path, spec: Spec, files: list[FileFacts], columns: Collection[str], only: Collection[str] | None = None
    ) -> None:
        self._columns = [name for name in columns if name not in spec.key]
        self._only = None if only is None else frozenset(only)
        self._cursors = [Cursor(folder / file["path"], spec, list(columns), only) for file in files]

    def take(self, upto: str | None) -> Block:
        """The rows of instruments up to that one which were not yet taken."""
        pieces = [piece for cursor in self._cursors if len(piece := cursor.take(upto))]
        if not pieces:
            empty = np.zeros(0, dtype=np.int32)
            return Block([], empty, empty, {name: np.zeros(0) for name in self._columns})
        return _block(pa.concat_tables(pieces), self._columns, self._only)


def blocks(sweeps: Sequence[Sweep], uptos: Iterable[str]) -> Iterator[list[Block]]:
    """A block of every sweep for each boundary, the next ones being read while the caller works on these."""

    def take(upto: str) -> list[Block]:
        return [sweep.take(upto) for sweep in sweeps]

    with ThreadPoolExecutor(1, thread_name_prefix="lake-reader") as pool:
        ahead: Future[list[Block]] | None = None
        for upto in uptos:
            before, ahead = ahead, pool.submit(take, upto)
            if before is not None:
                yield before.result()
        if ahead is not None:
            yield ahead.result()


def boundaries(
    folder: Path, files: list[FileFacts], only: Collection[str] | None = None, rows: int = ROWS_PER_BLOCK
) -> list[str]:
    """The last instrument of each block, so that no block has many more than that number of rows."""
    counts = symbols(folder, files)
    wanted = sorted(counts if only is None else counts.keys() & set(only))
    found, held = [], 0
    for symbol in wanted:
        held += counts[symbol]
        if held >= rows or symbol == wanted[-1]:
            found.append(symbol)
            held = 0
    return found


def symbols(folder: Path, files: list[FileFacts]) -> dict[str, int]:
    """Every instrument of those files with its number of rows."""
    counts: dict[str, int] = {}
    for file in files:
        for symbol, count in _counts(folder / file["path"]):
            counts[symbol] = counts.get(symbol, 0) + count
    return counts


def _counts(path: Path) -> Iterator[tuple[str, int]]:
    intact.check(path)
    with pq.ParquetFile(path, read_dictionary=["order_book_id"]) as file:
        column = file.read(columns=["order_book_id"]).column(0)
    for chunk in column.chunks:
        counts = np.bincount(chunk.indices.to_numpy(), minlength=len(chunk.dictionary))
        yield from zip(chunk.dictionary.to_pylist(), counts.tolist(), strict=True)


def _block(table: pa.Table, columns: list[str], only: frozenset[str] | None) -> Block:
    ids = table.column("order_book_id").unify_dictionaries()
    dictionary = ids.chunk(0).dictionary if ids.num_chunks else pa.array([], pa.string())
    rank = np.empty(len(dictionary), dtype=np.int32)
    sequence = pc.sort_indices(dictionary)
    rank[sequence.to_numpy()] = np.arange(len(rank), dtype=np.int32)
    code = rank[np.concatenate([chunk.indices.to_numpy() for chunk in ids.chunks])] if ids.num_chunks else rank[:0]
    symbols = dictionary.take(sequence).to_pylist()
    days = _numpy(table.column("trade_date"))
    values = {name: _numpy(table.column(name)) for name in columns}
    if only is not None and not only.issuperset(symbols):
        among = np.array([symbol in only for symbol in symbols])[code]
        code, days = code[among], days[among]
        values = {name: column[among] for name, column in values.items()}
    if (code[1:] < code[:-1]).any():
        # 16 bits wide, a stable sort is a radix sort; files are in order of dates, so dates come out sorted too.
        order = np.argsort(code.astype(np.int16) if len(rank) < 2**15 else code, kind="stable")
        code, days = code[order], days[order]
        values = {name: column[order] for name, column in values.items()}
    return Block(symbols, code, days, values)


def _numpy(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_integer(column.type):
        column = column.cast(pa.float64())
    return np.asarray(np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks]))
