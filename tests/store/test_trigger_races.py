"""Runs that end together, each in a transaction of its own."""

import os
import threading
from datetime import date
from functools import partial

from sqlalchemy import text

from app.store import endings, firings, steps
from app.store.database import Database
from app.store.fence import Fence
from app.store.migrate import upgrade
from tests.store.conftest import began, register, succeeded
from tests.store.timed import define, prepare
from tests.store.upstreams import CHAIN, JOIN, MONDAY, claimed, end, fired, outcomes
from tests.store.upstreams import time as time


def test_two_upstreams_that_end_together_fire_their_join_once(database: Database) -> None:
    """Without the lock of the join's row each would miss the other on PostgreSQL. JOINS=1000 takes a minute there."""
    database.write(lambda connection: prepare(connection, "up", "other", "down", calendar=None))
    database.write(lambda connection: register(connection, "w"))
    define(database, "trigger", {**JOIN, "when": {"jobs": ["up", "other"]}})
    days = [date.fromordinal(MONDAY.toordinal() + number) for number in range(int(os.environ.get("JOINS", "30")))]
    for day in days:
        pair = [database.write(partial(claimed, job=job, day=day)) for job in ("up", "other")]
        together = threading.Barrier(2)

        def finish(fence: Fence, together: threading.Barrier = together) -> None:
            together.wait()
            end(database, fence, succeeded("a"))

        racing = [threading.Thread(target=finish, args=(fence,)) for fence in pair]
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join()
    with database.read() as connection:
        rows = firings.page(connection, "trigger", "t", limit=10_000)
    assert [row["outcome"] for row in rows] == ["fired"] * len(days)
    assert {row["trade_date"] for row in rows} == set(days)
    assert len({row["run_id"] for row in rows}) == len(days)


def test_of_two_runs_for_one_date_that_end_together_one_fires(postgres_url: str) -> None:
    """Without the lock of the trigger each would find that nothing has fired yet."""
    database = Database(postgres_url)
    upgrade(database.engine)
    database.write(lambda connection: prepare(connection, "up", "down", calendar=None))
    database.write(lambda connection: register(connection, "w"))
    define(database, "trigger", {**CHAIN, "on_rerun": "never"})
    first, second = (database.write(partial(claimed, job="up", day=MONDAY)) for _ in range(2))
    other = threading.Thread(target=end, args=(database, second, succeeded("a")))
    with database.engine.connect() as connection, connection.begin():
        connection.info["topics"] = set()
        guarded = steps.record(connection, first, [began("a"), succeeded("a")])
        endings.settle(connection, first, guarded=guarded)
        other.start()
        while other.is_alive() and not _waits(database):
            other.join(0.01)
    other.join()
    assert len(fired(database)) == 1
    assert [row[:2] for row in outcomes(database)] == [("fired", None), ("skipped", "rerun")]
    database.close()


def _waits(database: Database) -> bool:
    with database.looking() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())
