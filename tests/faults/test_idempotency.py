"""Two hundred clients post at once with one key: one run, and every answer is about that one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx2

from app.store.database import Database
from app.store.migrate import upgrade
from tests.service import RunningService

POSTS = 200
PIPELINE = {"name": "p", "nodes": [{"id": "a", "op": "number"}]}


def test_two_hundred_posts_with_one_key_make_one_run(start_service: Callable[..., RunningService], database_url: str) -> None:
    database = Database(database_url)
    upgrade(database.engine)
    database.close()
    shared = {"database_url": database_url, "admin_key": "k" * 40, "op_modules": "tests.engine.sample_ops"}
    services = [start_service(**shared) for _ in range(1 if database.is_sqlite else 2)]
    http = services[0].http
    for path, document in (("pipelines", PIPELINE), ("jobs", {"name": "j", "pipeline": "p"})):
        http.post(f"/api/v1/{path}", json=document).raise_for_status()
    together = Barrier(POSTS)

    def post(number: int) -> httpx2.Response:
        service = services[number % len(services)]
        with httpx2.Client(base_url=service.address, headers=http.headers, timeout=90, trust_env=False) as client:
            client.get("/healthz")  # connected: what comes now is sent at once
            together.wait(60)
            return client.post("/api/v1/jobs/j/runs", json={}, headers={"Idempotency-Key": "one"})

    with ThreadPoolExecutor(POSTS) as pool:
        answers = list(pool.map(post, range(POSTS)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len(http.get("/api/v1/runs").json()["items"]) == 1
    for service in services:
        service.stop()
