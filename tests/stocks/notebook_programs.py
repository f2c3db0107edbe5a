"""What runs beside each other on one data dir, each a process of its own: one that publishes, and notebooks of all kinds.

`python -m tests.stocks.notebook_programs PROGRAM DATA_DIR ...`. A notebook goes on until `stop` is in the data dir, then prints
what it saw as JSON. In every publication every number is that of its snapshot, so a mixture would be seen.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from app.definitions.lake import SnapshotState
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.views import reveal
from app.store import lake
from app.store.database import Database
from app.store.fence import Fence
from tests.stocks.market import DAYS, bars

NOBODY = 65534
VALUES = "SELECT close FROM daily_bars UNION SELECT score FROM scores UNION SELECT name::DOUBLE FROM instruments"


def say(text: str) -> None:
    """A line for whoever started this, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def publisher(data_dir: Path, count: int) -> None:
    """Publish until there are so many snapshots, and say at every turn what comes next."""
    database = Database(f"sqlite:///{data_dir / 'openbell.db'}")
    host = _Host(database, data_dir)
    fence = Fence(*json.loads((data_dir / "fence.json").read_text()))
    reveal(data_dir, host.snapshot())
    frame = bars(symbols=2, days=DAYS[:50])
    ids = frame[["order_book_id", "trade_date"]]
    named = ids.drop_duplicates("order_book_id").rename(columns={"trade_date": "valid_from"}).assign(source="test")
    while (number := host.snapshot()["snapshot"] + 1) <= count:
        say(f"stage {number}")
        run = MarketLake(host)
        run.stage("daily_bars", frame.assign(close=float(number)))
        run.stage("scores", ids.assign(score=float(number), factors=3))
        run.stage("instruments", named.assign(name=str(number)))
        say(f"name {number}")
        publication = run.publication()
        outcome, state = database.write(lambda connection, said=publication: lake.publish(connection, fence, "save", said))
        say(f"reveal {number}")
        run.published(state, own=outcome == "published")
        say(f"shown {number}")


class _Host:
    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self.folder = data_dir / "lake"

    def snapshot(self) -> SnapshotState:
        with self._database.read() as connection:
            return lake.state(connection, lake.newest(connection))


def reader(data_dir: Path) -> dict[str, Any]:
    """`market.duckdb` with read_only=True: a connection is kept for some questions, then the next is opened."""
    mixed, seen, looks = [], set(), 0
    while looks == 0 or not (data_dir / "stop").exists():
        looks += 1
        with duckdb.connect(str(data_dir / "market.duckdb"), read_only=True) as connection:
            for _ in range(5):
                values = {value for (value,) in connection.execute(VALUES).fetchall()}
                snapshots = {value for (value,) in connection.execute("SELECT DISTINCT snapshot FROM metadata").fetchall()}
                tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
                if values != snapshots or len(values) != 1 or tables != {"instruments", "metadata"}:
                    mixed.append([sorted(values), sorted(snapshots), sorted(tables)])
                seen |= values
    return {"mixed": mixed, "seen": sorted(seen), "looks": looks}


def scanner(data_dir: Path) -> dict[str, Any]:
    """Parquet under `current`, resolved once for each look, as docs/data.md says."""
    mixed, seen, looks = [], set(), 0
    while looks == 0 or not (data_dir / "stop").exists():
        looks += 1
        view = (data_dir / "current").resolve()
        values = set(pq.read_table(view / "daily_bars", columns=["close"]).column(0).to_pylist())
        values |= set(pd.read_parquet(view / "scores", columns=["score"])["score"])
        if values != {float(view.name)}:
            mixed.append([view.name, sorted(values)])
        seen |= values
    return {"mixed": mixed, "seen": sorted(seen), "looks": looks}


def writer(data_dir: Path) -> dict[str, Any]:
    """`market.duckdb` in DuckDB's default mode, which means to write: opens, commits, and keeps it open for a while."""
    told: dict[str, int] = {}
    while not (data_dir / "stop").exists():
        try:
            with duckdb.connect(str(data_dir / "market.duckdb")) as connection:
                write(connection)
                told["written"] = told.get("written", 0) + 1
        except duckdb.Error as error:
            kind = "locked" if "Could not set lock" in str(error) else type(error).__name__
            told[kind] = told.get(kind, 0) + 1
    return told


def write(connection: Any) -> None:
    """What a notebook may do by the way: a table of its own, and a change of ours."""
    connection.execute("CREATE TABLE mine AS SELECT -1.0 AS close")
    connection.execute("UPDATE instruments SET name = '-1'")


def hanging_writer(data_dir: Path) -> None:
    """Opens to write, tries to, and stays until it is killed."""
    connection = duckdb.connect(str(data_dir / "market.duckdb"))
    connection.execute("SET wal_autocheckpoint = '1TB'")
    try:
        write(connection)
        say("written")
    except duckdb.Error as error:
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
    connection.execute("BEGIN")
    connection.execute("UPDATE instruments SET name = '-2'")
    say("pending")
    sys.stdin.read()


def stranger(data_dir: Path) -> dict[str, Any]:
    """A user who is not root: default mode, then read-only."""
    if os.geteuid() == 0:
        # Only here: what is imported may lie where nobody else may read.
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    path = str(data_dir / "market.duckdb")
    try:
        duckdb.connect(path).close()
        refused = ""
    except duckdb.Error as error:
        refused = str(error)
    with duckdb.connect(path, read_only=True) as connection:
        return {"refused": refused, "rows": connection.execute("SELECT count(*) FROM daily_bars").fetchall()[0][0]}


PROGRAMS: dict[str, Callable[..., Any]] = {
    "publisher": publisher, "reader": reader, "scanner": scanner, "writer": writer, "hanging_writer": hanging_writer,
    "stranger": stranger,
}  # fmt: skip

if __name__ == "__main__":
    answer = PROGRAMS[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:]))
    say(json.dumps(answer))
    os._exit(0)
