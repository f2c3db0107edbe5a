"""Prices and volumes adjusted on read, with the very arithmetic of the views in `market.duckdb`."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.definitions.lake import FileFacts
from app.stocks import dictionary
from app.stocks.lake.cursor import Cursor

Adjust = Literal["none", "pre", "post"]
FACTORS = ("adj_factor", "split_factor")


def needed(columns: Sequence[str]) -> list[str]:
    """What must be read to adjust those columns of daily_bars."""
    wanted = {*columns, *FACTORS, "order_book_id"}
    return [name for name in dictionary.get("daily_bars").names if name in wanted]


def adjusted(rows: pa.Table, adjust: Adjust, folder: Path, files: Sequence[FileFacts]) -> pa.Table:
    """Rows of daily_bars back-adjusted (`post`), or forward-adjusted to each instrument's newest known factors (`pre`).

    `files` are all of the dataset's. Adjusted volumes are float64. An unknown factor counts as 1.
    """
    if adjust == "none":
        return rows
    adj, split = (pc.fill_null(rows.column(name), 1.0) for name in FACTORS)
    last_adj, last_split = _last(rows, folder, files) if adjust == "pre" else (None, None)
    for column in dictionary.get("daily_bars").columns:
        if not column.role or column.name not in rows.column_names:
            continue
        values = rows.column(column.name).cast(pa.float64())
        if column.role == "price":
            values = pc.multiply(values, adj)
            values = values if last_adj is None else pc.divide(values, last_adj)
        else:
            values = values if last_split is None else pc.multiply(values, last_split)
            values = pc.divide(values, split)
        rows = rows.set_column(rows.column_names.index(column.name), pa.field(column.name, pa.float64()), values)
    return rows


def _last(rows: pa.Table, folder: Path, files: Sequence[FileFacts]) -> tuple[pa.Array, pa.Array]:
    """Each row's instrument's newest known factors."""
    ids = pc.unique(rows.column("order_book_id"))
    place = pc.index_in(rows.column("order_book_id"), ids)
    newest = _newest(folder, tuple(file["path"] for file in files))
    adj, split = (pa.array(newest.of(name, ids.to_pylist()), pa.float64()).take(place) for name in FACTORS)
    return adj, split


class _Newest:
    """The newest known factors by instrument: from the newest file backwards, only as far as somebody asks."""

    def __init__(self, folder: Path, paths: tuple[str, ...]) -> None:
        self._folder = folder
        self._unread = list(paths)
        self._found: dict[str, dict[str, float]] = {name: {} for name in FACTORS}

    def of(self, factor: str, ids: Iterable[str]) -> list[float]:
        """That factor of each; 1 where it is not known."""
        ids, found = list(ids), self._found[factor]
        while self._unread and not all(one in found for one in ids):
            self._read(self._unread.pop())
        return [found.get(one, 1.0) for one in ids]

    def _read(self, path: str) -> None:
        rows = Cursor(self._folder / path, dictionary.get("daily_bars"), FACTORS).take()
        ids = rows.column("order_book_id").unify_dictionaries().combine_chunks()
        code, names = ids.indices.to_numpy(), ids.dictionary.to_pylist()
        for factor in FACTORS:
            values = rows.column(factor).to_numpy()
            known = np.flatnonzero(~np.isnan(values))
            # Rows stand in the order of their days, so of an instrument's the last one speaks.
            newest = dict(zip(code[known].tolist(), values[known].tolist(), strict=True))
            for at, value in newest.items():
                self._found[factor].setdefault(names[at], value)


@lru_cache(maxsize=2)
def _newest(folder: Path, paths: tuple[str, ...]) -> _Newest:
    # Files never change, so what was found in them holds as long as the process does.
    return _Newest(folder, paths)
