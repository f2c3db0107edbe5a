"""Moving out: datasets of one snapshot as files that need nothing of this library, whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from app.durable import sync
from app.errors import AlreadyExists
from app.stocks.lake import warehouse
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.page import Choice
from app.stocks.lake.parquet import ROWS_PER_GROUP, settings
from app.stocks.lake.reading import narrow, outside
from app.stocks.lake.rows import plain
from app.stocks.schema import Spec

Form = Literal["duckdb", "parquet", "csv"]
MEMORY = "1GB"
"""What DuckDB may hold: rows come month by month."""


def export(place: Path, form: Form, lake: MarketLake, datasets: Sequence[str], choice: Choice) -> dict[str, int]:
    """Write the chosen rows to a new place; how many of each dataset. Dates and symbols narrow the datasets that have them.

    Raises AlreadyExists, and leaves nothing where it fails.
    """
    _check_free(place)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    _clear(aside)
    try:
        rows = _WRITERS[form](aside, lake, datasets, choice)
        for path in [*(aside.rglob("*") if aside.is_dir() else ()), aside]:
            sync(path)
        _check_free(place)
        aside.rename(place)
        sync(place.parent)
        return rows
    finally:
        _clear(aside)


def _check_free(place: Path) -> None:
    if place.exists() or place.is_symlink():
        raise AlreadyExists(f"{place} is there already.", hint="give the export another name, or take that one away first")


def _clear(aside: Path) -> None:
    shutil.rmtree(aside, ignore_errors=True) if aside.is_dir() else aside.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        aside.with_name(f"{aside.name}.wal").unlink()


def _months(lake: MarketLake, spec: Spec, choice: Choice) -> Iterator[tuple[str, pa.Table]]:
    """The chosen rows by partition, in the dictionary's types; a partition at a time is held."""
    start, end = (choice.start, choice.end) if spec.date_column else (None, None)
    symbols = choice.symbols if "order_book_id" in spec.by_name else None
    only = symbols if symbols is not None and spec.key[0] == "order_book_id" else None
    for file in lake.files(spec.name):
        if outside(file, start, end):
            continue
        rows = narrow(spec, Cursor(lake.folder / file["path"], spec, None, only).take(), start, end, symbols)
        if rows.num_rows:
            yield file["partition"], plain(spec, rows).combine_chunks()


def _to_parquet(aside: Path, lake: MarketLake, datasets: Sequence[str], choice: Choice) -> dict[str, int]:
    rows: dict[str, int] = {}
    for name in datasets:
        spec, count = lake.spec(name), 0
        (aside / name).mkdir(parents=True)
        for partition, table in _months(lake, spec, choice):
            pq.write_table(table, aside / name / f"{partition}.parquet", row_group_size=ROWS_PER_GROUP, **settings(spec))
            count += table.num_rows
        if not count:
            pq.write_table(spec.arrow.empty_table(), aside / name / "empty.parquet")
        rows[name] = count
    return rows


def _to_csv(aside: Path, lake: MarketLake, datasets: Sequence[str], choice: Choice) -> dict[str, int]:
    rows: dict[str, int] = {}
    aside.mkdir(parents=True)
    for name in datasets:
        spec, count = lake.spec(name), 0
        with pacsv.CSVWriter(aside / f"{name}.csv", spec.arrow) as writer:
            for _, table in _months(lake, spec, choice):
                writer.write_table(table)
                count += table.num_rows
        rows[name] = count
    return rows


def _to_duckdb(aside: Path, lake: MarketLake, datasets: Sequence[str], choice: Choice) -> dict[str, int]:
    rows: dict[str, int] = {}
    limits: dict[str, Any] = {"memory_limit": MEMORY, "threads": 1, "temp_directory": ""}
    with duckdb.connect(str(aside), config=limits) as connection:
        for name in datasets:
            spec, count = lake.spec(name), 0
            warehouse.table(connection, spec)
            for _, month in _months(lake, spec, choice):
                connection.register("month", month)
                connection.execute(f"INSERT INTO {name} SELECT * FROM month")
                connection.unregister("month")
                count += month.num_rows
            rows[name] = count
        warehouse.finish(connection, datasets, lake.snapshot)
    return rows


_WRITERS = {"duckdb": _to_duckdb, "parquet": _to_parquet, "csv": _to_csv}
