"""Asking for runs, and reading what happened."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import House


@pytest.fixture
def planted(either: House) -> House:
    either.plant()
    return either


def test_a_run_is_accepted(planted: House) -> None:
    body = {"params": {"days": 9}, "tags": {"why": "test"}, "priority": "high", "note": "by hand", "trade_date": "2026-11-20"}
    answer = planted.client("operator").post("/jobs/j/runs", json=body)
    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["location"] == f"/api/v1/runs/{run['id']}"
    assert (run["status"], run["params"], run["priority"]) == ("queued", {"days": 9}, 80)
    assert run["tags"] == {"team": "quant", "why": "test"}
    assert (run["trade_date"], run["note"], run["cause"]) == ("2026-11-20", "by hand", {"type": "manual", "name": None})
    assert [step["node"] for step in run["steps"]] == ["a", "b"]
    # Asked for later, it also says what it waits for; nobody is here to execute it.
    read = planted.client("viewer").get(f"/runs/{run['id']}").json()
    assert read == {**run, "waiting_for": "no worker is alive"}


def test_a_run_needs_no_body(planted: House) -> None:
    client = planted.client()
    assert client.post("/jobs/j/runs").status_code == 202
    assert client.post("/jobs/j/runs", json={}).status_code == 202


def test_who_did_it_is_kept(planted: House) -> None:
    run = planted.client("operator").post("/jobs/j/runs").json()
    entry = planted.client("admin").get("/audit?limit=1").json()["items"][0]
    assert (entry["action"], entry["subject"], entry["name"]) == ("enqueue", "run", run["id"])
    operator = next(key for key in planted.client().get("/api-keys").json()["items"] if key["role"] == "operator")
    assert entry["actor"] == operator["id"]


def test_what_became_of_it(planted: House) -> None:
    client = planted.client()
    run_id = client.post("/jobs/j/runs").json()["id"]
    planted.worker()
    planted.end(planted.claim(), "a", failing="a")
    run = client.get(f"/runs/{run_id}").json()
    assert (run["status"], run["reason"], run["attempt"]) == ("failed", "exception", 1)
    assert run["duration"] is not None
    failed, skipped = client.get(f"/runs/{run_id}/steps").json()["items"]
    assert (failed["status"], failed["error"]["message"]) == ("failed", "no")
    assert [attempt["status"] for attempt in failed["attempts"]] == ["failed"]
    assert (skipped["status"], skipped["reason"], skipped["attempts"]) == ("skipped", "upstream_failed", [])
    status = client.get("/jobs/j/status").json()
    assert (status["status"], status["success_rate"], status["last_run_id"]) == ("failed", 0.0, run_id)
    metrics = client.get("/jobs/j/metrics?window=all").json()
    assert metrics["counts"]["failed"] == 1
    assert [step["node"] for step in metrics["steps"]] == ["a", "b"]


def test_lists_are_filtered_and_come_in_pages(planted: House) -> None:
    client = planted.client()
    planted.manager.register("job", {"name": "k", "pipeline": "p"})
    ids = [client.post("/jobs/j/runs", json={"tags": {"n": str(n)}}).json()["id"] for n in range(5)]
    other = client.post("/jobs/k/runs", json={"trade_date": "2026-11-20"}).json()
    client.post(f"/runs/{ids[0]}/cancel")

    def listed(**query: Any) -> list[str]:
        return [run["id"] for run in client.get("/runs", params=query).json()["items"]]

    assert listed() == [other["id"], *reversed(ids)]
    assert listed(job="j", status="cancelled") == [ids[0]]
    assert listed(tag="n:3") == [ids[3]]
    assert listed(trade_date="2026-11-20") == [other["id"]]
    assert listed(since=other["queued_at"]) == [other["id"]]
    assert listed(until=other["queued_at"]) == [*reversed(ids)]
    first = client.get("/runs", params={"job": "j", "limit": 3}).json()
    assert len(first["items"]) == 3
    second = client.get("/runs", params={"job": "j", "limit": 3, "cursor": first["next_cursor"]}).json()
    assert [run["id"] for run in [*first["items"], *second["items"]]] == [*reversed(ids)]
    assert second["next_cursor"] is None
    assert "steps" not in first["items"][0]
    assert first["items"][0]["waiting_for"] == "no worker is alive"


def test_cancel(planted: House) -> None:
    client = planted.client()
    run_id = client.post("/jobs/j/runs").json()["id"]
    answer = client.post(f"/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert client.post(f"/runs/{run_id}/cancel").status_code == 409
    assert client.post("/runs/nothing/cancel").status_code == 404


def test_retry_makes_a_new_run_that_keeps_what_is_finished(planted: House) -> None:
    client = planted.client()
    run_id = client.post("/jobs/j/runs").json()["id"]
    assert client.post(f"/runs/{run_id}/retry").status_code == 409
    planted.worker()
    planted.end(planted.claim(), "a", "b", failing="b")
    answer = client.post(f"/runs/{run_id}/retry", json={"from": "failed", "note": "again"})
    assert answer.status_code == 202
    again = answer.json()
    assert answer.headers["location"] == f"/api/v1/runs/{again['id']}"
    assert (again["retry_of"], again["note"]) == (run_id, "again")
    assert [(step["status"], step["taken_over"]) for step in again["steps"]] == [("succeeded", True), ("pending", False)]
    planted.end(planted.claim(), "b")
    steps = client.get(f"/runs/{again['id']}").json()["steps"]
    assert [(step["status"], step["taken_over"]) for step in steps] == [("succeeded", True), ("succeeded", False)]
    nothing = client.post(f"/runs/{again['id']}/retry")
    assert (nothing.status_code, nothing.json()["detail"]) == (409, f"Nothing failed in run {again['id']}: it succeeded.")
    assert "--from start" in nothing.json()["hint"]
    assert client.post(f"/runs/{again['id']}/retry", json={"from": "start"}).status_code == 202
    refused = client.post(f"/runs/{run_id}/retry", json={"from": "aa"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"pointer": "/from", "message": "there is no node 'aa'; did you mean 'a'?"}]


def test_the_same_key_gets_the_same_answer(planted: House) -> None:
    client = planted.client()
    headers = {"Idempotency-Key": "one"}
    first = client.post("/jobs/j/runs", json={"note": "n"}, headers=headers)
    assert "idempotent-replayed" not in first.headers
    second = client.post("/jobs/j/runs", json={"note": "n"}, headers=headers)
    assert (second.status_code, second.json()) == (202, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    other = client.post("/jobs/j/runs", json={"note": "other"}, headers=headers)
    assert other.status_code == 422
    assert "another body" in other.json()["detail"]
    elsewhere = planted.client("operator").post("/jobs/j/runs", json={"note": "n"}, headers=headers)
    assert elsewhere.json()["id"] != first.json()["id"]


def test_two_hundred_posts_of_one_key_make_one_run(planted: House) -> None:
    client = planted.client()

    def post(_: int) -> tuple[int, str]:
        answer = client.post("/jobs/j/runs", headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(200)))
    assert {status for status, _ in answers} == {202}
    assert len({run_id for _, run_id in answers}) == 1
    assert len(client.get("/runs").json()["items"]) == 1


def test_two_who_make_versions_at_once_both_succeed(planted: House) -> None:
    client = planted.client()
    document = planted.client().get("/pipelines/p").json()

    def put(number: int) -> int:
        return client.put("/pipelines/p", json={**document, "description": f"version {number}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, range(24))) == {200}
    versions = [item["version"] for item in client.get("/pipelines/p/versions").json()["items"]]
    assert versions == sorted(range(1, len(versions) + 1), reverse=True)


def test_a_key_that_is_none(house: House) -> None:
    house.plant()
    for key in ("", "a b", "ü", "x" * 256, "a\tb"):
        answer = house.client().post("/jobs/j/runs", headers={"Idempotency-Key": key.encode()})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


def test_a_full_queue(new_house: Any) -> None:
    house: House = new_house(queue_limit=1)
    house.plant()
    client: TestClient = house.client()
    assert client.post("/jobs/j/runs").status_code == 202
    house.manager._queued = (0.0, 0)  # the count may be a second old
    answer = client.post("/jobs/j/runs")
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer.headers["retry-after"]) > 0
    client.put("/jobs/j", json={"name": "j", "pipeline": "p", "calendar": "XSHG"})
    answer = client.post("/jobs/j/backfills", json={"from": "2026-11-16", "to": "2026-11-20", "only": "all"})
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert client.get("/backfills").json()["items"] == []


def test_params_that_do_not_suit(house: House) -> None:
    house.plant()
    answer = house.client().post("/jobs/j/runs", json={"params": {"dais": 3, "days": "x"}})
    assert answer.status_code == 422
    told = {fault["pointer"]: fault["message"] for fault in answer.json()["errors"]}
    assert "did you mean 'days'" in told["/params/dais"]
    assert "/params/days" in told
    big = house.client().post("/jobs/j/runs", json={"params": {"days": 3, "text": "x" * 70_000}})
    assert "64 KB" in big.text
