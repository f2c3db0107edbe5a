"""A claim from a long queue against a claim from a short one: `python -m benchmarks.claim [--database postgresql]`.

Three queues: 1,000 and 100,000 runs spread over 200 jobs, and 99,800 runs of one job at its limit before those of 200 others.
Each claim is timed within its transaction and undone again, so that all are made from the same queue.
"""

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import insert

from app.store import claims, definitions, migrate, pools, runs, workers
from app.store.database import Connection, Database
from app.store.runs import NewRun
from app.store.tables import runs as run_rows
from benchmarks.peers.server import Server
from benchmarks.running import folder, quantiles

CLAIMS, JOBS, ALLOWED = 500, 200, 2.0
QUEUES = {
    "1,000 over 200 jobs": (1_000, 0),
    "100,000 over 200 jobs": (100_000, 0),
    "99,800 of a full job, 200 of others": (200, 99_800),
}
OPS = {"idle": "1"}


def main() -> None:
    """Print the latency of a claim from each queue, and the ratios of the 99th percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    with folder() as place:
        if parser.parse_args().database == "sqlite":
            _compare(lambda name: f"sqlite:///{place / name}.db")
        else:
            with Server(place) as server:
                _compare(lambda _: server.database())


def _compare(url: Callable[[str], str]) -> None:
    found = []
    for number, (name, (spread, blocked)) in enumerate(QUEUES.items()):
        with _queue(url(str(number)), spread, blocked) as database:
            seconds = sorted(_claim(database) for _ in range(CLAIMS))
        found.append(seconds[int(CLAIMS * 0.99)])
        print(f"claim from {name:35}: {quantiles(seconds)}, p99 {found[-1] * 1000:.2f} ms")
    short, *long = found
    print(f"ratio of p99 to the short queue: {', '.join(f'{one / short:.2f}' for one in long)} (<= {ALLOWED})")


class _UndoneError(Exception):
    pass


def _claim(database: Database) -> float:
    """Seconds that a claim takes."""
    seconds = 0.0

    def work(connection: Connection) -> None:
        nonlocal seconds
        began = time.perf_counter()
        claimed = claims.claim(connection, "w", OPS, 1)
        seconds = time.perf_counter() - began
        assert len(claimed) == 1
        raise _UndoneError

    with contextlib.suppress(_UndoneError):
        database.write(work)
    return seconds


@contextmanager
def _queue(url: str, spread: int, blocked: int) -> Iterator[Database]:
    """A database with that many runs over the jobs, and that many of one job whose only slot is held."""
    database = Database(url)
    migrate.upgrade(database.engine)
    names = [f"job_{n}" for n in range(JOBS)]
    # Not through the writer: nobody else waits for it, and it would say how long these take.
    with database.engine.begin() as connection:
        _prepare(connection, names, held=bool(blocked))
        for job, count in (("full", blocked), *((name, spread // JOBS) for name in names)):
            _enqueue(connection, job, count)
    yield database
    database.close()


def _prepare(connection: Connection, names: list[str], *, held: bool) -> None:
    facts = {"host": "h", "pid": 1, "roles": ["worker"], "slots": 1, "version": "0", "lease": timedelta(hours=1)}
    workers.register(connection, "w", **facts)  # type: ignore[arg-type]  # one dict of several types
    for name in ("full", *names):
        definitions.save(connection, "job", {"name": name}, name, by="benchmark", uses="p")
        pools.resize(connection, pools.job_pool(name), 1)
    if held:
        _enqueue(connection, "full", 1)
        claims.claim(connection, "w", OPS, 1)


def _enqueue(connection: Connection, job: str, count: int) -> None:
    if count:
        new = [runs.as_accepted(_run(job)) for _ in range(count)]
        connection.execute(insert(run_rows), new)


def _run(job: str) -> NewRun:
    return NewRun(
        job=job, job_version=1, pipeline="p", pipeline_version=1, nodes=[], params={}, tags={}, priority=50, trade_date=None,
        cause_type="manual", pools={pools.job_pool(job): 1}, code_versions=OPS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
