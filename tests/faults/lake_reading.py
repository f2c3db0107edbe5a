"""The lake's side of a history: what a reader of the newest snapshot finds."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.store import lake
from app.store.database import Database
from tests.faults.chaos_ops import COUNT, DATASET
from tests.faults.history import History


def read_lake(database: Database, data_dir: Path, history: History) -> int:
    """Append each file of the newest snapshot, as recorded and as found, and each published row; answers the snapshot."""
    with database.read() as connection:
        number = lake.newest(connection)
        state = lake.state(connection, number)
    for dataset in state["datasets"].values():
        for file in dataset["files"]:
            path = data_dir / "lake" / file["path"]
            found: dict[str, int | str | None] = {"found_bytes": None, "found_rows": None, "error": None}
            try:
                found = {"found_bytes": path.stat().st_size, "found_rows": len(pq.read_table(path)), "error": None}
            except (OSError, pa.ArrowInvalid) as error:
                found["error"] = str(error)
            history.write("lake", "file", path=file["path"], bytes=file["bytes"], rows=file["rows"], **found)
    if number:
        _rows(data_dir, [file["path"] for file in state["datasets"][DATASET]["files"]], history)
    return number


def _rows(data_dir: Path, paths: list[str], history: History) -> None:
    for path in paths:
        table = pq.read_table(data_dir / "lake" / path, columns=["order_book_id", "market_cap"])
        for key, value in zip(table["order_book_id"].to_pylist(), table["market_cap"].to_pylist(), strict=True):
            if key == COUNT:
                history.write("lake", "count", value=value)
            else:
                history.write("lake", "row", key=key)
