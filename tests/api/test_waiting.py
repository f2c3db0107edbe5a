"""`?wait=`, behind a real server: who waits takes nothing from the others."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from app.manager import Filter, PipelineManager
from app.store.database import Database
from tests.api.conftest import House

Serve = Callable[[House], httpx2.Client]
WaitUntil = Callable[..., Any]


@pytest.fixture
def planted(either: House) -> House:
    either.plant()
    either.worker()
    return either


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(210) as threads:
        yield threads


def _queued(house: House) -> int:
    count: int = house.manager.queue()["queued"]
    return count


def test_the_answer_comes_when_the_run_is_final(
    planted: House, serve: Serve, wait_until: WaitUntil, pool: ThreadPoolExecutor
) -> None:
    client = serve(planted)
    waiting: Future[httpx2.Response] = pool.submit(client.post, "/jobs/j/runs?wait=60")
    wait_until(lambda: planted.app.state.watch.waiting == 1)
    assert not waiting.done()
    planted.end(planted.claim(), "a", "b")
    answer = waiting.result(10)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["location"] == f"/api/v1/runs/{answer.json()['id']}"
    assert planted.app.state.watch.waiting == 0


def test_the_answer_comes_when_the_time_is_up(planted: House, serve: Serve) -> None:
    client = serve(planted)
    answer = client.post("/jobs/j/runs?wait=0.05")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert client.get(f"/runs/{answer.json()['id']}?wait=0.05").json()["status"] == "queued"
    assert client.post("/jobs/j/runs?wait=0").status_code == 202


def test_reading_and_cancelling_may_wait_too(
    planted: House, serve: Serve, wait_until: WaitUntil, pool: ThreadPoolExecutor
) -> None:
    client = serve(planted)
    run_id = client.post("/jobs/j/runs").json()["id"]
    waiting = pool.submit(client.get, f"/runs/{run_id}?wait=60")
    wait_until(lambda: planted.app.state.watch.waiting == 1)
    answer = client.post(f"/runs/{run_id}/cancel?wait=60")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert waiting.result(10).json()["status"] == "cancelled"


def test_a_change_that_another_process_made_is_seen(
    planted: House, serve: Serve, wait_until: WaitUntil, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.waiting.POLL_SECONDS", 0.05)
    client = serve(planted)
    waiting = pool.submit(client.post, "/jobs/j/runs?wait=60")
    wait_until(lambda: planted.app.state.watch.waiting == 1)
    other = PipelineManager(Database(planted.manager.settings.url), planted.manager.settings)
    other.cancel_run(planted.manager.list_runs(Filter())[0]["id"])
    other.close()
    assert waiting.result(10).json()["status"] == "cancelled"


def test_nobody_would_execute_it(house: House) -> None:
    house.plant()
    answer = house.client().post("/jobs/j/runs?wait=30")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    assert _queued(house) == 0
    assert house.client().post("/jobs/j/runs").status_code == 202


def test_past_the_limit_the_answer_comes_at_once(
    new_house: Callable[..., House], serve: Serve, wait_until: WaitUntil, pool: ThreadPoolExecutor
) -> None:
    house = new_house(waiters_limit=2)
    house.plant()
    house.worker()
    client = serve(house)
    waiting = [pool.submit(client.post, "/jobs/j/runs?wait=60") for _ in range(2)]
    wait_until(lambda: house.app.state.watch.waiting == 2)
    assert client.post("/jobs/j/runs?wait=60").status_code == 202
    assert not any(future.done() for future in waiting)
    house.app.state.watch.stop()
    assert [future.result(10).status_code for future in waiting] == [202, 202]


def test_two_hundred_wait_and_everybody_else_is_answered(
    house: House, serve: Serve, wait_until: WaitUntil, pool: ThreadPoolExecutor
) -> None:
    house.plant()
    house.worker()
    client = serve(house)
    waiting = [pool.submit(client.post, "/jobs/j/runs?wait=60") for _ in range(200)]
    wait_until(lambda: house.app.state.watch.waiting == 200, 30)
    for _ in range(20):
        assert client.get(client.base_url.join("/healthz")).text == "ok\n"
        assert client.get("/jobs/j/status").json()["queued"] == 200
    assert not any(future.done() for future in waiting)
    assert house.app.state.watch.waiting == 200
    house.app.state.watch.stop()
    assert {future.result(20).status_code for future in waiting} == {202}


def test_a_client_that_leaves_waits_no_longer(house: House, serve: Serve, wait_until: WaitUntil) -> None:
    house.plant()
    house.worker()
    client = serve(house)
    leaver = httpx2.Client(base_url=client.base_url, headers=client.headers, timeout=0.2, trust_env=False)

    def leave() -> None:
        with pytest.raises(httpx2.ReadTimeout):
            leaver.post("/jobs/j/runs?wait=60")
        leaver.close()

    thread = threading.Thread(target=leave)
    thread.start()
    wait_until(lambda: house.app.state.watch.waiting == 1)
    thread.join()
    wait_until(lambda: house.app.state.watch.waiting == 0)


def test_a_wait_that_is_none(house: House) -> None:
    house.plant()
    for wait in ("-1", "61", "nan", "inf", "soon", ""):
        answer = house.client().post(f"/jobs/j/runs?wait={wait}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/query/wait"
