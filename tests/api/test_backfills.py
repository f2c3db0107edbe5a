"""Backfills over HTTP: planned, begun, watched, paused, cancelled; and what is refused."""

from datetime import date
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import clock
from app.definitions.catalogue import Catalogue, OpSpec, Port
from app.errors import Invalid, Unavailable
from app.store import catalogue
from tests.api.conftest import OPS, House

# The fixture's calendar: sessions from 2026-11-16 (Monday) to the 20th, the 23rd and the 24th, and nothing known behind.
TODAY = clock.parse("2026-11-24T08:00:00Z")
RANGE = {"from": "2026-11-16", "to": "2026-11-24", "only": "all", "order": "oldest"}
DAYS = ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-23", "2026-11-24"]
ENDS = {name: {"type": ["string", "null"], "format": "date", "default": None} for name in ("start_date", "end_date")}


class Lake:
    """Answers as the query child does."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def ask(self, name: str, params: dict[str, Any], timeout: float = 5) -> Any:
        assert name == "missing_dates"
        self.asked.append(params)
        if self.error is not None:
            raise self.error
        return {"history_from": "2026-11-17", "days": {"2026-11-16": 9, "2026-11-18": 3, "2026-11-20": 4}}


@pytest.fixture
def lake(house: House) -> Lake:
    made = Lake()
    house.manager.queries = made
    return made


@pytest.fixture
def planted(house: House, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """`j` is of values, `w` of datasets, and its pipeline takes a range."""
    sync = OpSpec(name="sync", module="ops", code_version="1", outputs=(Port(name="result", kind="dataset"),))
    house.database.write(lambda connection: catalogue.save(connection, Catalogue(ops=(*OPS, sync))))
    monkeypatch.setattr(clock, "now", lambda: TODAY)
    house.plant()
    house.manager.register("job", {"name": "j", "pipeline": "p", "calendar": "XSHG"})
    house.manager.register("pipeline", {"name": "wide", "params": ENDS, "nodes": [{"id": "a", "op": "sync"}]})
    house.manager.register("job", {"name": "w", "pipeline": "wide", "calendar": "XSHG"})
    house.manager.register("job", {"name": "undated", "pipeline": "p"})
    return house.client("operator")


def test_a_plan_says_what_it_would_do_and_stores_nothing(planted: TestClient) -> None:
    answer = planted.post("/jobs/j/backfills/plan", json=RANGE)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert [chunk["first_date"] for chunk in plan["chunks"]] == DAYS
    assert (plan["runs"], plan["trade_dates"], plan["rows"], plan["seconds"], plan["vendor_bytes"]) == (7, 7, None, None, None)
    closed = {"reason": "closed", "days": 2, "first_date": "2026-11-21", "last_date": "2026-11-22"}
    assert plan["left_out"] == [{**closed, "detail": "the exchange is closed"}]
    assert planted.get("/backfills").json()["items"] == []
    assert planted.get("/runs").json()["items"] == []


def test_what_the_data_lack_is_asked_of_the_lake(planted: TestClient, lake: Lake) -> None:
    plan = planted.post("/jobs/w/backfills/plan", json={**RANGE, "only": "missing"}).json()
    assert lake.asked == [{"dataset": "daily_bars", "start_date": "2026-11-16", "end_date": "2026-11-24"}]
    assert [chunk["first_date"] for chunk in plan["chunks"]] == ["2026-11-18", "2026-11-20"]
    assert plan["rows"] == 7
    assert {one["reason"]: one["days"] for one in plan["left_out"]} == {"closed": 2, "before_history": 1, "done": 4}
    whole = planted.post("/jobs/w/backfills/plan", json={"from": "2026-11-16", "chunk": "all", "dataset": "scores"}).json()
    assert whole["chunks"] == [{"first_date": "2026-11-18", "last_date": "2026-11-20", "sessions": 2}]
    assert lake.asked[-1]["dataset"] == "scores"
    planted.post("/jobs/j/backfills/plan", json={**RANGE, "only": "missing"})
    assert len(lake.asked) == 2, "its ops know no datasets: the runs alone decide"


def test_without_an_answer_it_is_not_guessed(planted: TestClient, lake: Lake, house: House) -> None:
    lake.error = Unavailable("The query took longer than 30 s.")
    refused = planted.post("/jobs/w/backfills", json={"from": "2026-11-16"})
    assert (refused.status_code, '"only": "all"' in refused.json()["hint"]) == (503, True)
    lake.error = Invalid("is no dataset with trade dates; did you mean 'scores'?")
    refused = planted.post("/jobs/w/backfills", json={"from": "2026-11-16", "dataset": "score"})
    assert refused.json()["errors"] == [
        {"pointer": "/dataset", "message": "'score' is no dataset with trade dates; did you mean 'scores'?"}
    ]
    house.manager.queries = None
    assert planted.post("/jobs/w/backfills", json={"from": "2026-11-16"}).status_code == 503


def test_from_its_beginning_to_its_end(either: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: TODAY)
    either.plant()
    either.manager.register("job", {"name": "j", "pipeline": "p", "calendar": "XSHG"})
    either.worker()
    client = either.client("operator")
    made = client.post("/jobs/j/backfills", json={**RANGE, "params": {"days": 9}}, headers={"Idempotency-Key": "k"})
    assert made.status_code == 202, made.text
    backfill = made.json()
    assert made.headers["location"] == f"/api/v1/backfills/{backfill['id']}"
    again = client.post("/jobs/j/backfills", json={**RANGE, "params": {"days": 9}}, headers={"Idempotency-Key": "k"})
    assert (again.json(), again.headers["idempotent-replayed"]) == (backfill, "true")
    assert (backfill["status"], backfill["total"], backfill["running"], backfill["remaining_seconds"]) == ("running", 7, 1, None)
    for number in range(3):
        either.end(either.claim(), "a", "b", failing="b" if number == 1 else None)
    seen = client.get(f"/backfills/{backfill['id']}").json()
    assert (seen["done"], seen["succeeded"], seen["failed"], seen["percent"]) == (3, 2, 1, 42.9)
    assert seen["remaining_seconds"] is not None
    page = client.get(f"/backfills/{backfill['id']}/chunks", params={"limit": 2}).json()
    assert [(one["first_date"], one["status"]) for one in page["items"]] == [(DAYS[0], "succeeded"), (DAYS[1], "failed")]
    rest = client.get(f"/backfills/{backfill['id']}/chunks", params={"cursor": page["next_cursor"]}).json()["items"]
    assert [one["status"] for one in rest] == ["succeeded", "queued", "waiting", "waiting", "waiting"]
    run = client.get(f"/runs/{rest[1]['run_id']}").json()
    assert (run["cause"], run["params"], run["priority"]) == ({"type": "backfill", "name": backfill["id"]}, {"days": 9}, 10)
    assert client.post(f"/backfills/{backfill['id']}/pause").json()["status"] == "paused"
    assert client.post(f"/backfills/{backfill['id']}/resume").json()["status"] == "running"
    assert "backfill:" not in client.get("/pools").text
    cancelled = client.post(f"/backfills/{backfill['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    assert client.post(f"/backfills/{backfill['id']}/resume").status_code == 409
    assert [one["id"] for one in client.get("/backfills", params={"job": "j"}).json()["items"]] == [backfill["id"]]
    assert client.get("/backfills", params={"status": "running"}).json()["items"] == []
    audited = [(row["action"], row["name"]) for row in either.client("admin").get("/audit").json()["items"]]
    assert [action for action, name in audited if name == backfill["id"]] == ["cancel", "resume", "pause", "create"]


def test_rates_leave_backfills_out_unless_asked(planted: TestClient, house: House) -> None:
    house.worker()
    planted.post("/jobs/j/backfills", json=RANGE)
    house.end(house.claim(), "a", failing="a")
    planted.post("/jobs/j/runs", json={"trade_date": DAYS[0], "priority": 100})
    house.end(house.claim(), "a", "b")

    def rates(**asked: Any) -> list[float]:
        return [planted.get(f"/jobs/j/{what}", params={"window": "all", **asked}).json()["success_rate"] for what in PARTS]

    assert rates() == [1.0, 1.0]
    assert rates(backfills=True) == [0.5, 0.5]
    steps = planted.get("/jobs/j/metrics", params={"window": "all"}).json()["steps"]
    assert [step["failed"] for step in steps] == [0, 0]


PARTS = ("status", "metrics")


@pytest.mark.parametrize(
    ("job", "changes", "pointer", "says"),
    [
        ("j", {"from": "2026-11-20", "to": "2026-11-17"}, "/to", "lies before from (2026-11-20)"),
        ("j", {"from": "2026-12-01", "to": None}, "/from", "is after today (2026-11-24 in Shanghai)"),
        ("j", {"to": "2026-11-25"}, "/to", "leave it out to go as far as today"),
        ("j", {"from": "1976-11-24"}, "/from", "more than 50 years"),
        ("j", {"from": "20261116"}, "/from", "a date such as 2026-11-20"),
        ("j", {"from": None}, "/from", "is missing"),
        ("j", {"from": "2026-11-21", "to": "2026-11-22"}, "/from", "no session of XSHG: the last one before is 2026-11-20"),
        ("j", {"from": "2020-01-01", "to": "2020-12-31"}, "/from", "it is known from 2026-11-16 to 2026-11-24"),
        ("j", {"chunk": "week"}, "/chunk", "'date', 'month', 'year' or 'all'"),
        ("j", {"chunk": "month"}, "/chunk", "needs a pipeline that takes start_date and end_date; 'p' does not"),
        ("w", {"chunk": "month", "params": {"start_date": "2026-01-01"}}, "/params/start_date", "is set by each chunk"),
        ("j", {"params": {"day": 3}}, "/params/day", "is no param of this pipeline; did you mean 'days'?"),
        ("j", {"params": {"days": "3"}}, "/params/days", ""),
        ("j", {"max_concurrent_runs": 0}, "/max_concurrent_runs", "at least 1"),
        ("j", {"priority": 101}, "/priority", "0 to 100"),
        ("j", {"form": 1}, "/form", "unknown field"),
        ("undated", {}, "/path/name", "has no calendar"),
    ],
)
def test_a_backfill_that_cannot_be(planted: TestClient, job: str, changes: dict[str, Any], pointer: str, says: str) -> None:
    document = {name: value for name, value in {**RANGE, **changes}.items() if value is not None}
    for path in (f"/jobs/{job}/backfills", f"/jobs/{job}/backfills/plan"):
        answer = planted.post(path, json=document)
        assert answer.status_code == 422, answer.text
        found = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
        assert pointer in found, found
        assert says in found[pointer]
        assert answer.json().get("hint") or pointer.startswith("/params"), answer.text
    assert planted.get("/backfills").json()["items"] == []


def test_others_that_are_refused(planted: TestClient) -> None:
    made = planted.post("/jobs/j/backfills", json=RANGE).json()
    for path in ("/jobs/j/backfills", "/jobs/j/backfills/plan"):
        answer = planted.post(path, json={**RANGE, "from": "2026-11-24"})
        assert (answer.status_code, made["id"] in answer.json()["detail"], "cancel" in answer.json()["hint"]) == (409, True, True)
    assert planted.post("/jobs/nothing/backfills", json=RANGE).status_code == 404
    for path in ("", "/chunks"):
        assert planted.get(f"/backfills/nothing{path}").status_code == 404
    assert planted.post("/backfills/nothing/cancel").status_code == 404
    assert date.fromisoformat(made["to"]) == TODAY.date()
