"""Upsert and difference of sorted rows: what a run changed, and what that makes of a file."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.lake import keys
from app.stocks.lake.rows import form
from app.stocks.schema import Spec

Mask = npt.NDArray[np.bool_]


def upsert(spec: Spec, base: pa.Table | None, rows: pa.Table) -> pa.Table:
    """`base` with those rows added or put in their key's place; `base` itself when that changes nothing.

    A row that differs in provenance alone does not replace its like. Columns that the rows lack stay as they are in `base`, and
    are null in what is new.
    """
    if len(rows.column_names) < len(spec.names):
        rows = _completed(spec, base, rows)
    if base is None or not len(base):
        return rows
    here, there = keys.codes([base, rows], spec.key)
    at, found = _find(here, there)
    same = found.copy()
    same[found] = equal(spec, base.take(at[found]), rows.take(np.flatnonzero(found)))
    if same.all():
        return base
    stays = np.ones(len(base), dtype=bool)
    stays[at[found & ~same]] = False
    joined = pa.concat_tables([base.filter(pa.array(stays)), rows.filter(pa.array(~same))]).combine_chunks()
    order = keys.order(np.concatenate([here[stays], there[~same]]))
    return joined if order is None else joined.take(order)


def _completed(spec: Spec, base: pa.Table | None, rows: pa.Table) -> pa.Table:
    """The rows with the columns that they lack, from the base's rows of the same keys."""
    schema = form(spec)
    lacking = [name for name in spec.names if name not in rows.column_names]
    if base is None or not len(base):
        more = {name: pa.nulls(len(rows), schema.field(name).type) for name in lacking}
    else:
        here, there = keys.codes([base, rows], spec.key)
        at, found = _find(here, there)
        places = pa.array(at, mask=~found)
        more = {name: base.column(name).take(places) for name in lacking}
    columns = [more[name] if name in more else rows.column(name) for name in spec.names]
    return pa.Table.from_arrays(columns, schema=schema).combine_chunks()


def remove(spec: Spec, base: pa.Table, gone: pa.Table) -> pa.Table:
    """`base` without the rows of those keys."""
    if not len(gone) or not len(base):
        return base
    there, here = keys.codes([gone, base], spec.key)
    _, found = _find(there, here)
    return base.filter(pa.array(~found))


@dataclass(frozen=True)
class Difference:
    """What turns one table into another: rows that are new or changed, and rows that are gone."""

    changed: pa.Table
    gone: pa.Table


def difference(spec: Spec, old: pa.Table | None, new: pa.Table) -> Difference:
    """What makes `new` of `old`, both sorted by key and with the same columns (all, or some with the key)."""
    if old is None or not len(old):
        return Difference(new, new.slice(0, 0))
    here, there = keys.codes([old, new], spec.key)
    at, found = _find(here, there)
    same = found.copy()
    same[found] = equal(spec, old.take(at[found]), new.take(np.flatnonzero(found)))
    gone = np.ones(len(old), dtype=bool)
    gone[at[found]] = False
    return Difference(new.filter(pa.array(~same)), old.filter(pa.array(gone)))


def equal(spec: Spec, left: pa.Table, right: pa.Table) -> Mask:
    """Row by row, whether two tables of one length agree in all but provenance; null equals null."""
    result = np.ones(len(left), dtype=bool)
    for name in left.column_names:
        if name in spec.key or name in spec.provenance:
            continue
        one, other = left.column(name), right.column(name)
        alike = pc.fill_null(pc.equal(one, other), False).to_numpy().astype(bool)
        if one.null_count and other.null_count:
            alike |= pc.and_(pc.is_null(one), pc.is_null(other)).to_numpy().astype(bool)
        result &= alike
    return result


def _find(haystack: keys.Codes, needles: keys.Codes) -> tuple[npt.NDArray[np.intp], Mask]:
    """Where each needle stands or would stand in the sorted haystack, and whether it is there."""
    at = np.searchsorted(haystack, needles)
    at[at == len(haystack)] = 0
    return at, haystack[at] == needles
