"""Keys as numbers: order-preserving integer codes, so that sorting and matching rows is arithmetic."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int64]


def codes(tables: Sequence[pa.Table], key: Sequence[str]) -> list[Codes]:
    """One int64 per row of each table: equal for equal keys across all of them, and in the keys' order.

    Key columns are dates, datetimes, or strings in dictionary form, without nulls.
    """
    lengths = [len(table) for table in tables]
    total = np.zeros(sum(lengths), dtype=np.int64)
    for name in key:
        column = _codes_of([table.column(name) for table in tables])
        total = total * (int(column.max(initial=0)) + 1) + column
    return np.split(total, np.cumsum(lengths)[:-1])


def _codes_of(columns: Sequence[pa.ChunkedArray]) -> Codes:
    joined = pa.chunked_array([chunk for column in columns for chunk in column.chunks], type=columns[0].type)
    if not len(joined):
        return np.zeros(0, dtype=np.int64)
    if pa.types.is_date32(joined.type):
        days = joined.cast(pa.int32()).to_numpy()
        return np.asarray(days - days.min(), dtype=np.int64)
    if pa.types.is_timestamp(joined.type):
        # In minutes: with milliseconds the codes of a long table would not fit into their bits.
        instants = joined.cast(pa.int64()).to_numpy() // 60_000
        return np.asarray(instants - instants.min(), dtype=np.int64)
    encoded = joined.unify_dictionaries()
    dictionary = encoded.chunk(0).dictionary
    indices = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
    rank = np.empty(len(dictionary), dtype=np.int64)
    rank[np.asarray(pc.sort_indices(dictionary))] = np.arange(len(rank))
    return np.asarray(rank[indices])


def order(keys: Codes) -> npt.NDArray[np.intp] | None:
    """The permutation that sorts the codes, None when they are sorted already."""
    if len(keys) < 2 or bool((keys[1:] >= keys[:-1]).all()):
        return None
    return np.argsort(keys, kind="stable")


def first_duplicate(keys: Codes) -> int | None:
    """The position of the first key, among sorted ones, that equals the one before it."""
    same = np.flatnonzero(keys[1:] == keys[:-1])
    return int(same[0]) + 1 if len(same) else None
