"""`market.duckdb`: views over a snapshot's files, with what each column means; small tables for what is small.

It holds no market data but the instruments: 30 ms to make where a copy of everything takes 10 s. Only statements that DuckDB
1.5 and 2.x both have.
"""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import duckdb

from app.definitions.lake import SnapshotState
from app.stocks import dictionary
from app.stocks.schema import Column, Spec

_DUCKDB = {
    "string": "VARCHAR",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "float": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
}
_TABLES = ("instruments",)
_LATEST = """(SELECT order_book_id,
    coalesce(arg_max(adj_factor, trade_date) FILTER (adj_factor IS NOT NULL), 1) AS last_adj,
    coalesce(arg_max(split_factor, trade_date) FILTER (split_factor IS NOT NULL), 1) AS last_split
    FROM daily_bars GROUP BY order_book_id)"""


def build(path: Path, lake: Path, state: SnapshotState) -> None:
    """Write the file. Its views name the lake's files by absolute path, since DuckDB knows no other that holds everywhere."""
    with duckdb.connect(str(path), config={"threads": 1}) as connection:
        # One transaction: hundreds of commits would each wait for the disk.
        connection.execute("BEGIN")
        for spec in dictionary.DATASETS.values():
            known = state["datasets"].get(spec.name)
            paths = [str(lake / file["path"]) for file in known["files"]] if known else []
            _dataset(connection, spec.within(known["facts"] if known else {}), paths, grows=spec.grows is not None)
        _adjusted(connection)
        _metadata(connection, state)
        connection.execute("COMMIT")


def table(connection: Any, spec: Spec) -> None:
    """An empty table of a dataset, with what it means, for a file that holds its rows itself."""
    columns = ", ".join(f'"{column.name}" {_DUCKDB[column.type]}' for column in spec.columns)
    connection.execute(f"CREATE TABLE {spec.name} ({columns})")
    _comment(connection, "TABLE", spec.name, f"{spec.meaning} / {spec.meaning_zh}", spec.columns)


def finish(connection: Any, datasets: Collection[str], state: SnapshotState) -> None:
    """The views over such tables for which there is all that they need, and `metadata` of those datasets."""
    if "daily_bars" in datasets:
        _adjusted(connection, with_indicators="indicators" in datasets)
    told = {name: known for name, known in state["datasets"].items() if name in datasets}
    _metadata(connection, {**state, "datasets": told})


def _dataset(connection: Any, spec: Spec, paths: list[str], *, grows: bool) -> None:
    kind = "TABLE" if spec.name in _TABLES else "VIEW"
    if paths:
        listed = ", ".join(_text(path) for path in paths)
        # It costs a look into every file, so only where one may lack what a later one has.
        union = ", union_by_name = true" if grows else ""
        query = f"SELECT {_names(spec.names)} FROM read_parquet([{listed}]{union})"
    else:
        nothing = ", ".join(f'NULL::{_DUCKDB[column.type]} AS "{column.name}"' for column in spec.columns)
        query = f"SELECT {nothing} WHERE false"
    connection.execute(f"CREATE {kind} {spec.name} AS {query}")
    _comment(connection, kind, spec.name, f"{spec.meaning} / {spec.meaning_zh}", spec.columns)


def _adjusted(connection: Any, *, with_indicators: bool = True) -> None:
    bars, indicators = dictionary.get("daily_bars"), dictionary.get("indicators")
    factor, split = "coalesce(adj_factor, 1)", "coalesce(split_factor, 1)"
    _adjusted_view(connection, bars, "daily_bars_post", "daily_bars", f"* {factor}", f"/ {split}", "back-adjusted / 后复权")
    _adjusted_view(
        connection, bars, "daily_bars_pre", f"daily_bars JOIN {_LATEST} USING (order_book_id)",
        f"* {factor} / last_adj", f"* last_split / {split}", "forward-adjusted to the newest day / 前复权",
    )  # fmt: skip
    if not with_indicators:
        return
    _adjusted_view(
        connection, indicators, "indicators_pre", f"indicators JOIN {_LATEST} USING (order_book_id)",
        "/ last_adj", "* last_split", "on forward-adjusted prices / 前复权",
        more=(Column("macd_bar", "float", "CNY", "MACD bar as Chinese screens draw it", "MACD柱", "2 x macd_hist"),),
    )  # fmt: skip


def _adjusted_view(
    connection: Any, spec: Spec, view: str, source: str, price: str, volume: str, meaning: str, more: tuple[Column, ...] = ()
) -> None:
    how = {"price": price, "volume": volume}
    columns = [f"{column.name} {how[column.role]} AS {column.name}" if column.role else column.name for column in spec.columns]
    columns += [f"2 * macd_hist {price} AS {column.name}" for column in more]
    connection.execute(f"CREATE VIEW {view} AS SELECT {', '.join(columns)} FROM {source}")
    _comment(connection, "VIEW", view, f"{spec.name}, {meaning}", (*spec.columns, *more))


def _comment(connection: Any, kind: str, name: str, meaning: str, columns: Iterable[Column]) -> None:
    connection.execute(f"COMMENT ON {kind} {name} IS {_text(meaning)}")
    for column in columns:
        connection.execute(f'COMMENT ON COLUMN {name}."{column.name}" IS {_text(column.comment)}')


def _metadata(connection: Any, state: SnapshotState) -> None:
    connection.execute(
        """CREATE TABLE metadata (snapshot BIGINT, published_at VARCHAR, dataset VARCHAR, version BIGINT, "rows" BIGINT,
        first_date DATE, last_date DATE, quality DOUBLE, facts VARCHAR)"""
    )
    for name, dataset in sorted(state["datasets"].items()):
        first = min((file["min_date"] for file in dataset["files"] if file["min_date"]), default=None)
        last = max((file["max_date"] for file in dataset["files"] if file["max_date"]), default=None)
        # Nested facts are the library's own bookkeeping.
        facts = {key: value for key, value in dataset["facts"].items() if not isinstance(value, dict | list)}
        row = [state["snapshot"], state["published_at"], name, dataset["version"], dataset["rows"], first, last]
        connection.execute(
            "INSERT INTO metadata VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [*row, dataset.get("quality"), json.dumps(facts)]
        )
    _comment(connection, "TABLE", "metadata", "What this snapshot holds / 本快照的内容", ())


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
