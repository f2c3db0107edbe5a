"""An open, migrated database of each kind, and rows in it made in one line."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.store import claims, definitions, pools, runs, workers
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.migrate import upgrade
from app.store.runs import NewRun

OPS = {"noop": "1"}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    upgrade(opened.engine)
    yield opened
    opened.close()


def new_run(job: str = "j", **changes: Any) -> NewRun:
    run = NewRun(
        job=job,
        job_version=1,
        pipeline="p",
        pipeline_version=1,
        nodes=[("a", "noop"), ("b", "noop")],
        params={},
        tags={},
        priority=50,
        trade_date=None,
        cause_type="manual",
        pools={pools.job_pool(job): 1},
        code_versions=OPS,
    )
    return replace(run, **changes)


def make_job(connection: Connection, name: str = "j", size: int = 1) -> None:
    definitions.save(connection, "job", {"name": name, "pipeline": "p"}, f"hash of {name}", by="test", uses="p")
    pools.resize(connection, pools.job_pool(name), size)


@pytest.fixture
def job(database: Database) -> str:
    database.write(make_job)
    return "j"


def enqueue(database: Database, **changes: Any) -> str:
    return database.write(lambda connection: runs.enqueue(connection, new_run(**changes))).id


def register(connection: Connection, worker: str, lease: timedelta = timedelta(hours=1)) -> None:
    workers.register(connection, worker, host="h", pid=1, roles=["worker"], slots=1, version="0", lease=lease)


def claim(database: Database, worker: str = "w", ops: dict[str, str] = OPS) -> Fence | None:
    """Claim as that worker, which is registered when it is new."""

    fences = claim_some(database, 1, worker, ops)
    return fences[0] if fences else None


def claim_some(database: Database, limit: int, worker: str = "w", ops: dict[str, str] = OPS) -> list[Fence]:
    """Claim as many as that in one transaction."""

    def work(connection: Connection) -> list[Fence]:
        if worker not in {row["id"] for row in workers.registered(connection)}:
            register(connection, worker)
        return [claimed.fence for claimed in claims.claim(connection, worker, ops, limit)]

    return database.write(work)


def row(database: Database, run_id: str) -> Any:
    with database.read() as connection:
        return runs.get(connection, run_id)


def free_slots(database: Database, pool: str = "job:j") -> int:
    from sqlalchemy import func, select

    from app.store.tables import slots

    with database.read() as connection:
        return connection.execute(select(func.count()).where(slots.c.pool == pool, slots.c.run_id.is_(None))).scalar_one()


AT = "2026-11-20T01:02:03.000000Z"


def began(node: str, attempt: int = 1) -> Any:
    return {"type": "step_began", "node": node, "attempt": attempt, "at": AT}


def succeeded(node: str, attempt: int = 1, **more: Any) -> Any:
    event = {"type": "step_succeeded", "node": node, "attempt": attempt, "at": AT, "outputs": {}, "metrics": {}, "staged": []}
    return {**event, **more}


def failed(node: str, attempt: int = 1, reason: str = "exception", retry_at: str | None = None) -> Any:
    error = {"type": "ValueError", "message": "no", "traceback": "", "classes": ["ValueError", "Exception"]}
    return {
        "type": "step_failed", "node": node, "attempt": attempt, "at": AT, "reason": reason, "error": error, "metrics": {},
        "retry_at": retry_at,
    }  # fmt: skip


def skipped(node: str) -> Any:
    return {"type": "step_skipped", "node": node, "at": AT, "reason": "upstream_failed", "detail": "a failed"}
