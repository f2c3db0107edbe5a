"""Limits, workers, the queue, datasets, audit, health."""

from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from app import clock
from app.api.application import build
from app.store import lake
from tests.api.answering import Answering
from tests.api.conftest import House


def test_ops_and_broken_modules(client: TestClient) -> None:
    page = client.get("/ops").json()
    assert [op["name"] for op in page["items"]] == ["load", "score"]
    assert page["broken"] == [{"module": "broken_ops", "error": "No module named 'nowhere'", "traceback": "Traceback ..."}]
    first = client.get("/ops?limit=1").json()
    assert [op["name"] for op in client.get("/ops", params={"cursor": first["next_cursor"]}).json()["items"]] == ["score"]
    assert client.get("/ops/load_op").json()["name"] == "load"


def test_pools(either: House) -> None:
    client = either.client()
    vendor = {"name": "vendor", "size": 2, "description": "sessions"}
    made = client.post("/pools", json=vendor)
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/pools/vendor")
    assert made.json() == {**vendor, "held": 0, "managed_by": "api", "file": None}
    assert client.post("/pools", json=vendor).status_code == 200
    assert client.post("/pools", json={**vendor, "size": 3}).status_code == 409
    assert client.put("/pools/vendor", json={"size": 1}).json()["size"] == 1
    assert client.put("/pools/cpu", json={"size": 4}).status_code == 201
    assert [pool["name"] for pool in client.get("/pools").json()["items"]] == ["cpu", "vendor"]
    assert client.put("/pools/cpu", json={"size": -1}).json()["errors"][0]["pointer"] == "/size"
    assert client.put("/pools/job:j", json={"size": 1}).status_code == 422
    assert client.delete("/pools/cpu").status_code == 204
    assert client.get("/pools/cpu").status_code == 404


def test_a_pool_that_is_held_stays(either: House) -> None:
    client = either.client()
    client.put("/pools/vendor", json={"size": 1})
    nodes = [{"id": "a", "op": "load", "pools": {"vendor": 1}}]
    client.post("/pipelines", json={"name": "q", "nodes": nodes})
    client.post("/jobs", json={"name": "k", "pipeline": "q"})
    client.post("/jobs/k/runs")
    either.worker()
    fence = either.claim()
    assert client.get("/pools/vendor").json()["held"] == 1
    assert client.delete("/pools/vendor").json()["code"] == "in_use"
    either.end(fence, "a")
    assert client.delete("/pools/vendor").status_code == 204


def test_a_trade_date_is_a_session(house: House) -> None:
    house.plant()
    client = house.client()
    client.put("/jobs/j", json={"pipeline": "p", "calendar": "XSHG"})
    refused = client.post("/jobs/j/runs", json={"trade_date": "2026-11-21"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"pointer": "/trade_date", "message": "2026-11-21 is no session of XSHG"}]


def test_workers_and_queue(either: House) -> None:
    either.plant()
    client = either.client()
    client.post("/jobs/j/runs")
    either.worker()
    (worker,) = client.get("/workers").json()["items"]
    assert (worker["id"], worker["slots"], worker["running"]) == ("w", 4, 0)
    queue = client.get("/queue").json()
    assert (queue["queued"], queue["running"]) == (1, 0)
    assert [job["job"] for job in queue["jobs"]] == ["j"]
    assert queue["oldest_seconds"] >= 0


def test_datasets(house: House, tmp_path: Path) -> None:
    house.plant()
    house.worker()
    run_id = house.manager.run_job("j")["id"]
    fence = house.claim()
    facts = {"partition": "2026-11", "rows": 3, "bytes": 100, "min_date": "2026-11-02", "max_date": "2026-11-20", "base": None}
    staged: Any = [{"dataset": name, "path": f"{name}/1.parquet", **facts} for name in ("scores", "daily_bars")]
    publication: Any = {"files": staged, "datasets": {"scores": {"quality": 0.99, "adjusted": True}}}
    house.database.write(lambda connection: lake.publish(connection, fence, "b", publication))
    house.manager.queries = Answering(house.database, tmp_path)
    client = house.client("viewer")
    assert [row["dataset"] for row in client.get("/datasets").json()["items"]] == ["daily_bars", "scores"]
    scores = client.get("/datasets/scores").json()
    assert (scores["version"], scores["snapshot"], scores["rows"], scores["quality"]) == (1, 1, 3, 0.99)
    assert (scores["max_date"], scores["facts"]) == ("2026-11-20", {"adjusted": True})
    (version,) = client.get("/datasets/scores/versions").json()["items"]
    assert (version["run_id"], version["node"]) == (run_id, "b")
    assert client.get("/datasets/nothing").status_code == 404


def test_the_audit_names_who_did_what(either: House) -> None:
    either.plant()
    client = either.client("operator")
    client.post("/jobs/j/pause")
    client.post("/jobs/j/pause")
    client.delete("/jobs/j")
    admin = either.client("admin")
    found = admin.get("/audit?limit=2").json()
    assert [(row["action"], row["subject"], row["name"]) for row in found["items"]] == [
        ("delete", "job", "j"),
        ("pause", "job", "j"),
    ]
    assert {row["actor"] for row in found["items"]} == {either.keys["operator"].split("_")[1]}
    following = admin.get("/audit", params={"cursor": found["next_cursor"], "limit": 1}).json()["items"]
    assert (following[0]["action"], following[0]["name"]) == ("create", "j")


def test_ready_when_everything_is_there(house: House) -> None:
    anybody, admin = house.client(None), house.client("admin")
    assert anybody.get("http://test/healthz").text == "ok\n"
    before = anybody.get("http://test/readyz")
    assert (before.status_code, before.json()) == (503, {"ready": False, "checks": {}, "details": {}})
    assert admin.get("http://test/readyz").json() == {
        "ready": False,
        "checks": {"database": True, "catalogue": True, "calendar": True, "disk": True, "worker": False},
        "details": {
            "calendar XSHG": house.manager.calendar_remarks()["calendar XSHG"],
            "op module broken_ops": "No module named 'nowhere'",
        },
    }
    house.worker()
    assert admin.get("http://test/readyz").json()["ready"] is True
    assert anybody.get("http://test/readyz").status_code == 200
    assert house.client(None).get("http://test/readyz", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_service_whose_database_is_damaged_is_not_ready_and_tells_everybody_why(house: House) -> None:
    house.plant()
    house.worker()
    house.database.write(lambda connection: connection.exec_driver_sql("UPDATE versions SET document = '{\"na'"))
    with structlog.testing.capture_logs() as logged:
        answers = [house.client().get("/jobs/j") for _ in range(3)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "damaged")}
    assert [line["event"] for line in logged].count("the database is damaged") == 1
    found = house.client(None).get("http://test/readyz")
    assert found.status_code == 503
    assert "openbell db restore" in found.json()["details"]["database"]


def test_the_service_may_have_its_own_idea_of_ready(house: House) -> None:
    client = TestClient(build(house.manager, readiness=lambda: {"engine": False}), headers=house.client().headers)
    assert client.get("/readyz").json() == {"ready": False, "checks": {"engine": False}, "details": house.manager.remarks()}


def test_nothing_is_cached_and_times_are_utc(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    house.plant()
    queued_at = house.client().post("/jobs/j/runs").json()["queued_at"]
    assert queued_at.endswith("Z")
    assert abs((clock.now() - clock.parse(queued_at)).total_seconds()) < 60
