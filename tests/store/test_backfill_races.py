"""Backfills lose nothing and double nothing, whatever is killed and whatever ends together."""

import subprocess
import sys
import threading
from datetime import date

import pytest

from app.store import (
    endings,
    rescues,
    runs,
    steps,
)  # fmt: skip
from app.store.database import Connection, Database
from app.store.fence import Fence
from tests.store.conftest import began, claim, succeeded
from tests.store.filled_in import (
    end,
    on_sqlite,
    own_runs,
    row,
    start,
    work_off,
)
from tests.store.filled_in import time as time
from tests.store.timed import SESSIONS, Clock

# Works off what is due in processes that die before their n-th statement, until one lives; then says how many died.
DYING = """
import os, signal, sys, time
from sqlalchemy import event
from app.store import claims, endings, rescues, steps
from app.store.database import Database
from tests.store.conftest import began, claim, register, succeeded

def die_at(number, url, worker):
    database = Database(url)
    seen = 0
    def count(*_):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
    from app.store import driver
    for name in ("execute", "execute_many"):
        def counted(*arguments, whole=getattr(driver, name)):
            count()
            return whole(*arguments)
        setattr(driver, name, counted)
    event.listen(database.engine, "before_cursor_execute", count)
    event.listen(database.engine, "commit", count)
    while (fence := claim(database, worker)) is not None:
        database.write(lambda connection: endings.settle(
            connection, fence, guarded=steps.record(connection, fence, [began("a"), succeeded("a")])))
    database.close()

url, died = sys.argv[1], 0
import app.store.postgresql
while True:
    pid = os.fork()
    if pid == 0:
        die_at(40 + 13 * died, url, f"w{died}")
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        break
    database = Database(url)
    database.write(lambda connection: rescues.rescue(connection, f"w{died}", "was killed"))
    database.close()
    died += 1
print(died)
"""


def test_processes_that_are_killed_lose_no_chunk_and_double_none(database: Database, time: Clock) -> None:
    backfill = start(database)
    url = database.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", DYING, url], check=False, capture_output=True, text=True, timeout=60)
    assert killed.returncode == 0, killed.stderr
    assert int(killed.stdout.split()[-1]) >= 5
    found = own_runs(database)
    assert [run["trade_date"] for run in found] == SESSIONS[:10], "one run a chunk, made in order"
    assert {run["status"] for run in found} == {"succeeded"}
    over = row(database, backfill)
    assert (over["status"], over["started"], over["succeeded"]) == ("succeeded", 10, 10)


@on_sqlite
def test_an_ending_that_is_undone_begins_nothing(database: Database, time: Clock) -> None:
    start(database)
    fence = claim(database)
    assert fence is not None

    def work(connection: Connection) -> None:
        guarded = steps.record(connection, fence, [began("a"), succeeded("a")])
        endings.settle(connection, fence, guarded=guarded)
        raise OSError("killed before the commit")

    with pytest.raises(OSError, match="killed"):
        database.write(work)
    assert len(own_runs(database)) == 1


def test_killed_workers_lose_no_chunk_and_double_none(database: Database, time: Clock) -> None:
    backfill = start(database, max_concurrent_runs=2)
    done: list[date] = []
    for number in range(30):
        worker = f"w{number}"
        fence = claim(database, worker)
        if fence is None:
            break
        if number % 3 == 0:
            database.write(lambda connection, worker=worker: rescues.rescue(connection, worker, "stopped renewing its lease"))
            continue
        with database.read() as connection:
            done.append(runs.get(connection, fence.run_id)["trade_date"])
        end(database, fence)
    done += work_off(database)
    assert sorted(done) == SESSIONS[:10]
    found = own_runs(database)
    assert [run["trade_date"] for run in found] == SESSIONS[:10], "one run a chunk, made in order"
    assert {run["status"] for run in found} == {"succeeded"}
    assert row(database, backfill)["status"] == "succeeded"


def test_two_chunks_that_end_together_begin_two(database: Database, time: Clock) -> None:
    """Without the lock of the backfill's row both would begin the same chunk on PostgreSQL."""
    backfill = start(database, max_concurrent_runs=2)
    while fences := [fence for fence in (claim(database), claim(database)) if fence is not None]:
        assert claim(database) is None, "its own pool limits it"
        together = threading.Barrier(len(fences))

        def finish(fence: Fence, together: threading.Barrier = together) -> None:
            together.wait()
            end(database, fence)

        racing = [threading.Thread(target=finish, args=(fence,)) for fence in fences]
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join()
    assert sorted(run["trade_date"] for run in own_runs(database)) == SESSIONS[:10]
    assert row(database, backfill)["status"] == "succeeded"
