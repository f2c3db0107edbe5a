"""Two claimers that race on purpose at every kind of limit: never more than the limit, and never stuck below it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from app.definitions.catalogue import Catalogue
from app.definitions.pipeline import pools_needed
from app.store import endings, pools
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.migrate import upgrade
from app.store.tables import runs
from tests.store.conftest import claim_some, enqueue, make_job

ROUNDS = 8
SIZES = {"vendor": 2, "heavy": 3}


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """PostgreSQL: SQLite has one writer at a time, and two claims cannot meet there."""
    opened = Database(postgres_url)
    upgrade(opened.engine)

    def prepare(connection: Connection) -> None:
        for name, size in SIZES.items():
            pools.resize(connection, name, size)

    opened.write(prepare)
    yield opened
    opened.close()


def needed(job: str, *of_nodes: dict[str, int]) -> dict[str, int]:
    """What a run of a job holds whose nodes ask for these pools."""
    nodes = [{"id": f"n{number}", "op": "noop", "pools": wanted} for number, wanted in enumerate(of_nodes)]
    return pools_needed({"nodes": nodes}, {"name": job}, Catalogue())


KINDS = {
    "a job's own": ({"j": needed("j")}, {"job:j": 2}, 2),
    "a named pool over two jobs": ({"j": needed("j", {"vendor": 1}), "k": needed("k", {"vendor": 1})}, SIZES, 2),
    "a node's, beside another's": ({"j": needed("j", {}, {"vendor": 1}), "k": needed("k", {"vendor": 1}, {})}, SIZES, 2),
    "several slots at once": ({"j": needed("j", {"heavy": 2}), "k": needed("k", {"heavy": 2})}, SIZES, 1),
    "two pools in either order": (
        {"j": needed("j", {"vendor": 1}, {"heavy": 1}), "k": needed("k", {"heavy": 1}, {"vendor": 1})}, SIZES, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_two_claimers_at_one_limit_never_pass_it_and_always_reach_it(database: Database, kind: str) -> None:
    jobs, sizes, most = KINDS[kind]
    for job in jobs:
        database.write(lambda connection, job=job: make_job(connection, job, size=2 if len(jobs) == 1 else 4))
    for _ in range(ROUNDS):
        for job, wanted in jobs.items():
            for _ in range(2):
                enqueue(database, job=job, pools=wanted)
        held = race(database)
        check(database, sizes, most)
        # Whoever lost the race may take what is left; together they come to the limit, whoever was first.
        held += claim_some(database, 4, "w0")
        assert len(held) == most
        check(database, sizes, most)
        for fence in held:
            database.write(lambda connection, fence=fence: endings.settle(connection, fence, (endings.Reason.timeout, "over")))
        drain(database)


def race(database: Database) -> list[Fence]:
    """Two workers claim at the same instant, as much as they can."""
    gate = Barrier(2)

    def claim(worker: str) -> list[Fence]:
        gate.wait()
        return claim_some(database, 4, worker)

    with ThreadPoolExecutor(2) as threads:
        return [fence for fences in threads.map(claim, ("w0", "w1")) for fence in fences]


def check(database: Database, sizes: dict[str, int], most: int) -> None:
    """What the running runs need is within every pool, counted from the runs and not from the slots."""
    with database.read() as connection:
        running = connection.execute(select(runs.c.pools).where(runs.c.status == "running")).scalars().all()
    used: Counter[str] = Counter()
    for wanted in running:
        used.update(wanted)
    assert all(used[name] <= size for name, size in sizes.items()), used
    assert len(running) <= most


def drain(database: Database) -> None:
    """End what still waits."""
    while held := claim_some(database, 4, "w0"):
        for fence in held:
            database.write(lambda connection, fence=fence: endings.settle(connection, fence, (endings.Reason.timeout, "over")))
