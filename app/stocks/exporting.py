"""Files for others under `exports/`: written aside, then named in one step, so that nobody opens half of one."""

import uuid
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from app.durable import sync

Form = Literal["parquet", "duckdb", "csv"]


def write(rows: pa.Table, place: Path, form: Form, *, table: str) -> int:
    """Put the rows there, in place of what stands there; how many bytes. `table`: what a DuckDB file calls them."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    try:
        if form == "parquet":
            pq.write_table(rows, aside, compression="zstd")
        elif form == "csv":
            pacsv.write_csv(rows, aside)
        else:
            _duckdb(rows, aside, table)
        sync(aside)
        size = aside.stat().st_size
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)
    sync(place.parent)
    return size


def _duckdb(rows: pa.Table, path: Path, table: str) -> None:
    # In one piece, or DuckDB writes two to three times slower.
    rows = rows.combine_chunks()
    with duckdb.connect(path) as connection:
        connection.register("rows", rows)
        connection.execute(f'CREATE TABLE "{table}" AS SELECT * FROM rows')
        connection.execute("CHECKPOINT")
