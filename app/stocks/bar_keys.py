"""Keys (order_book_id, trade_date) as numbers: sorting and matching rows is then arithmetic."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.arrays import Ints

_WIDTH = 2**20
"""More days than any date has."""


def days(table: pa.Table) -> Ints:
    """The rows' trade dates as days since 1970-01-01."""
    numbers: Ints = table.column("trade_date").cast(pa.int32()).to_numpy().astype(np.int64)
    return numbers


def places(ids: Sequence[str], table: pa.Table) -> Ints:
    """Where each row's instrument stands among the ids; -1 when it does not."""
    found = pc.index_in(table.column("order_book_id"), pa.array(ids, pa.string()))
    numbers: Ints = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return numbers


def numbers(ids: Sequence[str], table: pa.Table) -> Ints:
    """Each row's key as one number; negative for an instrument that is not among the ids."""
    return places(ids, table) * _WIDTH + days(table)


def in_order(table: pa.Table) -> pa.Table:
    """The rows sorted by key; equal keys stay in their order."""
    table = table.combine_chunks()
    keys = numbers(sorted(pc.unique(table.column("order_book_id")).to_pylist()), table)
    if bool((keys[1:] >= keys[:-1]).all()):
        return table
    return table.take(pa.array(np.argsort(keys, kind="stable")))


def first_of_each(table: pa.Table) -> pa.Table:
    """The rows sorted by key, of equal keys only the first."""
    table = in_order(table)
    keys = numbers(pc.unique(table.column("order_book_id")).to_pylist(), table)
    return table.filter(pa.array(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]))


def among(rows: pa.Table, keys: pa.Table) -> pa.Array:
    """Which rows have one of the keys."""
    if not len(rows) or not len(keys):
        return pa.array(np.zeros(len(rows), dtype=bool))
    ids = pc.unique(keys.column("order_book_id")).to_pylist()
    wanted, own = np.sort(numbers(ids, keys)), numbers(ids, rows)
    at = np.minimum(np.searchsorted(wanted, own), len(wanted) - 1)
    return pa.array(wanted[at] == own)
