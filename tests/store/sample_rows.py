"""Rows for a database of any revision: one telling row or more for each table, whatever columns that revision has."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Date, DateTime, MetaData, Table, text

INSTANT = 1_700_000_000_000_000
RUN, DONE = "0193-queued", "0193-done"

_RUN = {
    "job": "j", "job_version": 1, "pipeline": "p", "pipeline_version": 1, "params": {"名": "字"}, "tags": {}, "priority": 50,
    "cause_type": "manual", "attempt": 0, "failures": 0, "crash_count": 0, "pools": {"job:j": 1}, "code_versions": {"noop": "1"},
}  # fmt: skip
_STEP = {"node": "a", "position": 0, "op": "noop", "attempt": 0, "failures": 0, "run_attempt": 0}
_END = {"started_at": INSTANT + 1, "finished_at": INSTANT + 2}

# In an order that respects foreign keys. Instants are whole microseconds; what a row leaves out is null.
ROWS: dict[str, list[dict[str, Any]]] = {
    "api_keys": [{"id": "k", "name": "n", "role": "admin", "hash": "h", "created_by": "t"}],
    "audit": [{"seq": 7, "actor": "k", "action": "create", "subject": "job", "name": "j", "detail": {"version": 1}}],
    "calendars": [{"id": "XSHG", "version": 1, "source": "s", "horizon_date": "2026-12-31", "hash": "h"}],
    "catalogue": [{"digest": "d", "kind": "op", "name": "noop", "code_version": "1", "spec": {"name": "noop"}}],
    "definitions": [
        {"kind": "pipeline", "name": "p", "version": 1, "managed_by": "api"},
        {"kind": "job", "name": "j", "version": 1, "uses": "p", "managed_by": "api"},
    ],
    "versions": [
        {"kind": "pipeline", "name": "p", "version": 1, "document": {"name": "p", "nodes": []}, "hash": "1", "created_by": "t"},
        {"kind": "job", "name": "j", "version": 1, "document": {"name": "j"}, "hash": "2", "created_by": "t"},
    ],
    "idempotency": [{"scope": "s", "key": "k", "body_hash": "h", "answer": {"id": RUN}}],
    "lake": [{"id": 1, "snapshot": 1}],
    "runs": [
        {"id": RUN, "status": "queued", **_RUN},
        {"id": DONE, "status": "succeeded", **_RUN, "attempt": 1, "read_snapshot": 1, **_END},
    ],
    "run_tags": [{"run_id": RUN, "key": "k", "value": "v"}],
    "steps": [
        {"run_id": RUN, "status": "pending", **_STEP},
        {"run_id": DONE, "status": "succeeded", **_STEP, "attempt": 1, "run_attempt": 1, "metrics": {"record_count": 3}, **_END},
    ],
    "step_attempts": [{"run_id": DONE, "node": "a", "attempt": 1, "run_attempt": 1, "status": "succeeded", **_END}],
    "transitions": [
        {"seq": 1, "subject": "run", "name": RUN, "job": "j", "to_status": "queued"},
        {"seq": 2, "subject": "run", "name": DONE, "job": "j", "to_status": "queued"},
        {"seq": 3, "subject": "run", "name": DONE, "job": "j", "from_status": "running", "to_status": "succeeded", "attempt": 1},
    ],
    "logs": [{"run_id": DONE, "attempt": 1, "path": "logs/x.jsonl", "bytes": 10, "lines": 1, "cut": False}],
    "pools": [{"name": "job:j", "size": 1}],
    "slots": [{"pool": "job:j", "n": 0, "job": "j"}],
    "workers": [{"id": "w", "host": "h", "pid": 1, "roles": ["worker"], "slots": 1, "version": "0", "stopped_at": INSTANT}],
    "sessions": [{"calendar": "XSHG", "session_date": "2026-11-20"}],
    "snapshots": [{"snapshot": 1, "run_id": DONE, "node": "a", "attempt": 1, "kind": "publish"}],
    "dataset_versions": [{"dataset": "d", "version": 1, "snapshot": 1, "rows": 3, "bytes": 9, "facts": {}}],
    "files": [{"id": 1, "path": "d/all-0.parquet", "dataset": "d", "partition": "all", "rows": 3, "bytes": 9, "run_id": DONE}],
    "dataset_files": [{"dataset": "d", "partition": "all", "from_version": 1, "file_id": 1}],
    "calendar_overrides": [
        {"calendar": "XSHG", "session_date": "2026-11-23", "is_session": False, "reason": "typhoon", "made_by": "k"}
    ],
    "firings": [
        {"seq": 5, "kind": "schedule", "name": "s", "version": 1, "key": "k", "outcome": "fired", "run_id": RUN, "times": 1},
    ],
    "joins": [{"trigger": "t", "key": "2026-11-20", "round": 1, "arrived": {"j": RUN}}],
    "listens": [{"topic": "job:j", "trigger": "t"}],
    "events": [{"id": "0193-event", "name": "e", "payload": {"a": 1}, "received_from": "k"}],
    "backfills": [
        {"id": "0193-backfill", "job": "j", "status": "running", "request": {"from": "2026-11-20"}, "first_date": "2026-11-20",
         "last_date": "2026-11-20", "left_out": [], "total": 1, "started": 1, "succeeded": 0, "failed": 0, "cancelled": 0,
         "failed_in_a_row": 0, "seconds": 0.5, "created_by": "k"}
    ],
    "backfill_chunks": [
        {"backfill": "0193-backfill", "n": 0, "first_date": "2026-11-20", "last_date": "2026-11-20", "sessions": 1, "run_id": RUN}
    ],
    "promises": [
        {"deadline": "d", "trade_date": "2026-11-20", "version": 1, "outcome": "met", "met_at": INSTANT, "run_id": DONE}
    ],
    "turns": [
        {"n": 3, "run_id": RUN, "worker": "w", "attempt": 1, "node": "a", "step_attempt": 1, "datasets": ["d"],
         "patience_seconds": 30}
    ],
    "releases": [
        {"seq": 2, "trade_date": "2026-11-20", "status": "partial", "snapshot": 1, "run_id": DONE, "coverage": 0.5,
         "datasets": {"d": {"version": 1, "rows": 3}}}
    ],
    "run_datasets": [{"run_id": DONE, "dataset": "d", "mode": "published", "snapshot": 1, "version": 1, "node": "a"}],
}  # fmt: skip


def reflected(connection: Connection) -> dict[str, Table]:
    """The tables that the database has now, by name."""
    found = MetaData()
    found.reflect(connection)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def insert(connection: Connection) -> None:
    """Fill every table that the database has. A table without rows above is an error: a new one needs a row here."""
    tables = reflected(connection)
    assert tables.keys() <= ROWS.keys(), f"new tables need rows here: {sorted(tables.keys() - ROWS.keys())}"
    for name, rows in ROWS.items():
        if name in tables:
            for row in rows:
                connection.execute(tables[name].insert(), _filled(tables[name], row))


def content(connection: Connection, columns: dict[str, list[str]] | None = None) -> dict[str, list[Any]]:
    """Every row of every table, as text and sorted; of those columns alone, if told."""
    tables = reflected(connection)
    found = {}
    for name, table in tables.items():
        if columns is not None and name not in columns:
            continue
        wanted = [table.c[column] for column in (columns[name] if columns else table.c.keys())]
        found[name] = sorted(repr(tuple(row)) for row in connection.execute(table.select().with_only_columns(*wanted)))
    return found


def _filled(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    filled = {}
    for column in table.columns:
        value = row.get(column.name)
        if value is None and not column.nullable and (column.name.endswith("_at") or column.name == "at"):
            value = INSTANT
        if isinstance(column.type, DateTime) and value is not None:
            value = datetime.fromtimestamp(value / 1e6, UTC)
        elif isinstance(column.type, Date) and value is not None:
            value = date.fromisoformat(value)
        if value is not None:
            filled[column.name] = value
    return filled


def assert_whole(connection: Connection, before: dict[str, Any]) -> None:
    """Each table of before has as many rows, and the file is sound."""
    now = content(connection)
    assert {name: len(now[name]) for name in before} == {name: len(rows) for name, rows in before.items()}
    if connection.dialect.name == "sqlite":
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
