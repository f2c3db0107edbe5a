"""Pipelines, jobs, schedules and triggers over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import JOB, PIPELINE, House

SCHEDULE = {"name": "s", "job": "j", "cron": "0 9 * * 1-5"}
TRIGGER = {"name": "t", "job": "j", "when": {"event": "arrived"}}
KINDS = [("pipelines", PIPELINE), ("jobs", JOB), ("schedules", SCHEDULE), ("triggers", TRIGGER)]


@pytest.fixture
def planted(house: House) -> TestClient:
    house.plant()
    return house.client()


def test_post_registers_and_says_where(client: TestClient) -> None:
    answer = client.post("/pipelines", json=PIPELINE)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/pipelines/p"
    assert answer.json()["version"] == 1
    assert answer.json()["nodes"][1]["inputs"] == {"data": "a"}


def test_post_of_a_known_name(planted: TestClient) -> None:
    same = planted.post("/pipelines", json=dict(reversed(PIPELINE.items())))
    assert (same.status_code, same.json()["version"]) == (200, 1)
    other = planted.post("/pipelines", json={**PIPELINE, "description": "another"})
    assert (other.status_code, other.json()["code"]) == (409, "already_exists")
    assert "PUT" in other.json()["hint"]
    assert planted.get("/pipelines/p").json()["description"] == ""


def test_put_creates_and_makes_versions(planted: TestClient) -> None:
    nameless = {key: value for key, value in PIPELINE.items() if key != "name"}
    assert planted.put("/pipelines/q", json=nameless).status_code == 201
    changed = planted.put("/pipelines/q", json={**nameless, "description": "better"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert planted.put("/pipelines/q", json={**nameless, "description": "better"}).json()["version"] == 2
    assert planted.get("/pipelines/q?version=1").json()["description"] == ""
    assert planted.get("/pipelines/q?version=1").json()["latest_version"] == 2
    assert [item["version"] for item in planted.get("/pipelines/q/versions").json()["items"]] == [2, 1]
    assert planted.get("/pipelines/q?version=3").status_code == 404


def test_put_under_another_name(planted: TestClient) -> None:
    answer = planted.put("/pipelines/q", json=PIPELINE)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/name"


@pytest.mark.parametrize(("plural", "document"), KINDS)
def test_what_is_read_can_be_sent_back(planted: TestClient, plural: str, document: dict[str, Any]) -> None:
    planted.post(f"/{plural}", json=document)
    path = f"/{plural}/{document['name']}"
    if plural != "pipelines":
        assert planted.post(f"{path}/pause").json()["paused"] is True
    before = planted.get(path).json()
    after = planted.put(path, json=before)
    assert (after.status_code, after.json()) == (200, before)


@pytest.mark.parametrize(("plural", "document"), KINDS[1:])
def test_pause_is_a_state_and_no_version(planted: TestClient, plural: str, document: dict[str, Any]) -> None:
    path = f"/{plural}/{document['name']}"
    assert planted.put(path, json={**document, "paused": True}).json()["paused"] is True
    assert planted.put(path, json=document).json()["paused"] is True
    resumed = planted.post(f"{path}/resume").json()
    assert (resumed["paused"], resumed["version"]) == (False, 1)
    assert planted.post(f"{path}/pause").json()["paused"] is True
    assert planted.put(path, json={**document, "paused": False}).json()["paused"] is False


def test_a_paused_name_that_was_deleted_is_new_again(planted: TestClient) -> None:
    planted.post("/jobs/j/pause")
    assert planted.delete("/jobs/j").status_code == 204
    again = planted.post("/jobs", json=JOB)
    assert (again.status_code, again.json()["paused"], again.json()["version"]) == (201, False, 2)


def test_delete_says_who_uses_it(planted: TestClient) -> None:
    refused = planted.delete("/pipelines/p")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert "job 'j'" in refused.json()["detail"]
    assert planted.delete("/jobs/j").status_code == 204
    assert planted.delete("/pipelines/p").status_code == 204
    assert planted.get("/pipelines/p").status_code == 404
    assert planted.get("/pipelines/p?version=1").status_code == 200


def test_a_document_tells_all_its_faults_at_once(client: TestClient) -> None:
    document = {
        "name": "Wrong",
        "nodes": [
            {"id": "a", "op": "laod"},
            {"id": "a", "op": "load", "params": {"days": 0}},
            {"id": "c", "op": "score", "inputs": {"data": "d", "more": "a"}, "retries": 1},
            {"id": "d", "op": "score", "inputs": {"data": "c"}},
        ],
        "owner": "me",
    }
    answer = client.post("/pipelines", json=document)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = {fault["pointer"]: fault["message"] for fault in answer.json()["errors"]}
    expected = {
        "/name",
        "/owner",
        "/nodes/0/op",
        "/nodes/1/id",
        "/nodes/1/params/days",
        "/nodes/2/retries",
        "/nodes/2/inputs/more",
    }
    assert expected <= set(told)
    assert "did you mean 'load'" in told["/nodes/0/op"]
    assert any("cycle" in message for message in told.values())


def test_validate_stores_nothing(client: TestClient) -> None:
    assert client.post("/pipelines/validate", json=PIPELINE).json()["name"] == "p"
    assert client.post("/pipelines/validate", json={"name": "p", "nodes": []}).status_code == 422
    assert client.get("/pipelines").json() == {"items": [], "next_cursor": None}


def test_graph(planted: TestClient) -> None:
    graph = planted.get("/pipelines/p/graph").json()
    assert graph["levels"] == [["a"], ["b"]]
    assert graph["edges"] == [{"from": "a", "output": None, "to": "b", "input": "data"}]


def test_a_pipeline_cannot_be_run(planted: TestClient) -> None:
    answer = planted.post("/pipelines/p/runs", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "not_executable")
    assert "POST /api/v1/jobs" in answer.json()["hint"]
    assert planted.post("/pipelines/nothing/runs").status_code == 404


def test_jobs_by_tag_and_page_by_page(planted: TestClient) -> None:
    for name in ("k", "l", "m"):
        planted.post("/jobs", json={"name": name, "pipeline": "p", "tags": {"team": "data", "with": "a:colon"}})
    assert [job["name"] for job in planted.get("/jobs?tag=team:quant").json()["items"]] == ["j"]
    assert len(planted.get("/jobs", params={"tag": "with:a:colon"}).json()["items"]) == 3
    seen, cursor = [], None
    while True:
        page = planted.get("/jobs", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen.append([job["name"] for job in page["items"]])
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [["j", "k", "l"], ["m"]]


def test_a_job_that_something_fires_is_not_deleted(planted: TestClient) -> None:
    planted.post("/schedules", json=SCHEDULE)
    assert planted.delete("/jobs/j").json()["code"] == "in_use"


def test_a_job_needs_a_pipeline_that_is_there(client: TestClient) -> None:
    answer = client.post("/jobs", json=JOB)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/pipeline", "message": "there is no pipeline 'p'"}]


def test_until_the_catalogue_is_known(house: House) -> None:
    from sqlalchemy import delete

    from app.store.tables import catalogue

    house.database.write(lambda connection: connection.execute(delete(catalogue)))
    answer = house.client().post("/pipelines", json=PIPELINE)
    assert (answer.status_code, answer.json()["code"]) == (503, "catalogue_pending")
    assert int(answer.headers["retry-after"]) > 0
