"""What must be true of a database and its data dir once the work on it has ended, whatever crashed on the way."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from sqlalchemy import func, select

from app.definitions.lake import SnapshotState
from app.store import lake
from app.store.database import Connection, Database
from app.store.tables import idempotency, runs, slots, snapshots, step_attempts, steps, transitions, workers
from tests.faults.crash_scenarios import Scenario

_CATCH_UP_SECONDS = 30
"""How long the link may stay behind a snapshot whose child was killed before it made the view."""
_LOST = {"lease_lost", "signal", "interrupted"}
_MOVES = {(None, "queued"), ("queued", "running"), ("running", "queued")}
_LAST = {("running", "succeeded"), ("running", "failed"), ("running", "cancelled"), ("queued", "cancelled")}


def check(database: Database, data_dir: Path, scenario: Scenario, run_ids: list[str], key: str) -> None:
    """Its runs ended right and are explained; what they held is free; readers see what they published, and nothing else."""
    with database.read() as connection:
        for run_id in run_ids:
            _check_run(connection, scenario, run_id)
        _check_limits(connection)
        _check_keys(connection, key)
        published = _rows(connection, select(snapshots).where(snapshots.c.run_id.in_(run_ids)))
        assert len(published) == scenario.publishes * len(run_ids), published
        state = lake.state(connection, lake.newest(connection))
    if scenario.publishes:
        _check_readers(data_dir, state, float(key))


def check_workers(database: Database, data_dir: Path, *, living: int) -> None:
    """Only living workers hold a lock file, and the dead ones are known to be dead."""
    with database.read() as connection:
        alive = set(connection.execute(select(workers.c.id).where(workers.c.stopped_at.is_(None))).scalars())
    assert len(alive) == living
    locks = {path.stem for path in (data_dir / "workers").glob("*.lock")}
    assert locks == alive


def _rows(connection: Connection, query: Any) -> list[Any]:
    return list(connection.execute(query).mappings())


def _check_run(connection: Connection, scenario: Scenario, run_id: str) -> None:
    run = _rows(connection, select(runs).where(runs.c.id == run_id))[0]
    assert run["status"] == scenario.status, dict(run)
    assert run["crash_count"] <= 1
    own = _rows(connection, select(steps).where(steps.c.run_id == run_id))
    assert {step["node"] for step in own} == {node["id"] for node in scenario.nodes}
    for step in own:
        assert step["status"] in scenario.steps.get(step["node"], {"succeeded"}), dict(step)
        if step["node"] in scenario.values:
            assert step["outputs"] == {"result": {"kind": "value", "value": scenario.values[step["node"]]}}, step["outputs"]
        _check_attempts(connection, scenario, step)
    moves = transitions.c.subject == "run"
    path = _rows(connection, select(transitions).where(moves, transitions.c.name == run_id).order_by(transitions.c.seq))
    told = [(move["from_status"], move["to_status"]) for move in path]
    assert all(before[1] == after[0] for before, after in pairwise(told)), told
    assert set(told[:-1]) <= _MOVES, told
    assert told[-1] in _LAST, told
    assert told.count(("queued", "running")) == run["attempt"]


def _check_attempts(connection: Connection, scenario: Scenario, step: Any) -> None:
    mine = (step_attempts.c.run_id == step["run_id"], step_attempts.c.node == step["node"])
    tries = _rows(connection, select(step_attempts).where(*mine).order_by(step_attempts.c.attempt))
    assert [attempt["attempt"] for attempt in tries] == list(range(1, len(tries) + 1)), tries
    ended = [attempt["status"] for attempt in tries]
    assert "running" not in ended
    taken_over = not tries and step["status"] == "succeeded"  # by a retry by hand
    assert ended.count("succeeded") == (step["status"] == "succeeded" and not taken_over), ended
    lost = [attempt for attempt in tries if attempt["reason"] in _LOST]
    assert len(lost) <= 1, lost
    refused = [attempt for attempt in tries if attempt["reason"] == "exception"]
    assert len(refused) <= (step["node"] in scenario.failing), refused
    assert len(tries) <= 1 + len(lost) + len(refused)


def _check_limits(connection: Connection) -> None:
    held = _rows(connection, select(slots).where(slots.c.run_id.is_not(None)))
    assert held == [], "a slot is still held"


def _check_keys(connection: Connection, key: str) -> None:
    kept = _rows(connection, select(idempotency).where(idempotency.c.key == key))
    for row in kept:
        answered = connection.execute(select(func.count()).where(runs.c.id == row["answer"]["id"])).scalar_one()
        assert answered == 1


def _check_readers(data_dir: Path, state: SnapshotState, value: float) -> None:
    current, newest = data_dir / "current", state["snapshot"]
    named = {file["path"] for dataset in state["datasets"].values() for file in dataset["files"]}
    until = time.monotonic() + _CATCH_UP_SECONDS
    while current.readlink().name != str(newest) and time.monotonic() < until:
        time.sleep(0.01)
    assert current.readlink() == Path("views") / str(newest)
    shown = {path.resolve() for path in current.glob("*/*.parquet") if path.is_symlink()}
    assert shown == {(data_dir / "lake" / path).resolve() for path in named}
    assert pq.read_table(current / "daily_bars")["close"].to_pylist() == [value]
    with duckdb.connect(str(data_dir / "market.duckdb"), read_only=True) as market:
        assert market.execute("SELECT close, name FROM daily_bars JOIN instruments USING (order_book_id)").fetchall() == [
            (value, f"at {value}")
        ]
        assert market.execute("SELECT DISTINCT snapshot FROM metadata").fetchall() == [(newest,)]
    # What a crash left half made is hidden, or bears a name that no reader follows.
    assert {path.name for path in current.iterdir() if not path.name.startswith(".")} >= {"daily_bars", "market.duckdb"}
    assert not list(current.glob("**/*.tmp"))
    # The one that is there leads nowhere: it keeps others from making one.
    assert all(path.is_symlink() and not path.exists() for path in current.glob("**/*.wal"))
