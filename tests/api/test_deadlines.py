"""Deadlines and why over HTTP: what they mean, what became of them, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import clock
from app.store import deadlines
from tests.api.conftest import House

# The fixture's calendar: sessions from 2026-11-16 (Monday) to the 20th, the 23rd and the 24th, and nothing known behind.
BY_EIGHT = {"name": "d", "job": "j", "at": "20:00", "calendar": "XSHG"}


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that says noon of Thursday, 2026-11-19, in Shanghai, until a test sets it."""
    now = [datetime(2026, 11, 19, 4, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    return now


@pytest.fixture
def planted(house: House, at_noon: list[datetime]) -> TestClient:
    house.plant()
    return house.client()


def look(house: House) -> None:
    house.database.write(lambda connection: deadlines.evaluate(connection, "d", clock.now()))


def test_a_deadline_says_what_it_means_and_where_it_stands(planted: TestClient) -> None:
    made = planted.post("/deadlines", json=BY_EIGHT)
    assert made.status_code == 201
    view = made.json()
    assert view["means"] == "By 20:00 (Asia/Shanghai) of each session of XSHG, a run of j has succeeded for that day."
    assert view["next_due_at"] == "2026-11-19T12:00:00.000000Z"
    assert (view["latest"]["trade_date"], view["latest"]["outcome"]) == ("2026-11-19", "open")
    assert planted.put("/deadlines/d", json=view).json()["version"] == 1, "what is shown can be sent back"
    assert planted.get("/deadlines").json()["items"][0]["means"] == view["means"]
    assert planted.delete("/jobs/j").status_code == 409
    after = planted.put("/deadlines/d", json={**BY_EIGHT, "at": "open-30m", "day": "T+1"}).json()
    assert after["means"] == (
        "By 30 minutes before the open of the session after each session of XSHG, a run of j has succeeded for that day."
    )


@pytest.mark.parametrize(("at", "early"), [("14:00", "14:00"), ("open+30m", "10:00"), ("close", ""), ("20:00", "")])
def test_one_before_the_close_is_warned_of(planted: TestClient, at: str, early: str) -> None:
    warnings = planted.post("/deadlines", json={**BY_EIGHT, "at": at}).json()["warnings"]
    told = f"It is due at {early} of the trade date, before that day's close at 15:00: end-of-day data is not there yet."
    assert warnings == ([f'{told} For the morning after say "day": "T+1".'] if early else [])
    assert planted.put("/deadlines/d", json={**BY_EIGHT, "at": at, "day": "T+1"}).json()["warnings"] == []


def test_what_became_of_each_trade_date_is_read_in_pages(planted: TestClient, house: House, at_noon: list[datetime]) -> None:
    planted.post("/deadlines", json=BY_EIGHT)
    at_noon[0] += timedelta(days=4, hours=12)
    look(house)
    items = planted.get("/deadlines/d/promises").json()["items"]
    assert [(one["trade_date"], one["outcome"]) for one in items] == [
        ("2026-11-23", "missing"), ("2026-11-20", "missing"), ("2026-11-19", "missing"),
    ]  # fmt: skip
    assert items[0]["detail"] == "no run of 'j' has succeeded for 2026-11-23"
    page = planted.get("/deadlines/d/promises", params={"limit": 2}).json()
    rest = planted.get("/deadlines/d/promises", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert page["items"] + rest["items"] == items
    assert planted.delete("/deadlines/d").status_code == 204
    assert len(planted.get("/deadlines/d/promises").json()["items"]) == 3, "what was deleted keeps its rows"
    assert planted.get("/deadlines/nothing/promises").status_code == 404


def test_paused_it_excuses(planted: TestClient, house: House, at_noon: list[datetime]) -> None:
    planted.post("/deadlines", json=BY_EIGHT)
    assert planted.post("/deadlines/d/pause").json()["next_due_at"] is None
    at_noon[0] += timedelta(hours=9)
    assert planted.post("/deadlines/d/resume").json()["latest"]["outcome"] == "excused"


def test_a_run_in_time_and_the_stream_of_what_was_not(planted: TestClient, house: House, at_noon: list[datetime]) -> None:
    planted.put("/jobs/j", json={"name": "j", "pipeline": "p", "calendar": "XSHG"})
    planted.post("/deadlines", json={"name": "d", "job": "j", "at": "close+5h"})
    house.worker()
    planted.post("/jobs/j/runs", json={"trade_date": "2026-11-19"})
    house.end(house.claim(), "a", "b")
    assert planted.get("/deadlines/d").json()["latest"]["outcome"] == "met"
    at_noon[0] += timedelta(days=1, hours=9)
    look(house)
    told = [row for row in house.manager.transitions_after(0) if row["subject"] == "deadline" and row["job"]]
    assert [(row["name"], row["to_status"], row["reason"]) for row in told] == [("d", "missing", "2026-11-20")]


@pytest.mark.parametrize(
    ("changes", "pointer", "says"),
    [
        (
            {"calendar": None},
            "/calendar",
            'the job \'j\' has none, and its trade dates are counted by one, as "calendar": "XSHG"',
        ),
        ({"calendar": "XSHQ"}, "/calendar", "did you mean 'XSHG'"),
        ({"at": "after_hours_close"}, "/at", "which no session of XSHG has; its sessions have open, lunch, close"),
        ({"at": "close+30h"}, "/at", "at most 24 hours such as +30m"),
        ({"at": None}, "/at", "is missing"),
        ({"day": "T+2"}, "/day", "'T' or 'T+1'"),
        ({"job": "k"}, "/job", "there is no job 'k'"),
        ({"timezone": "Asia/Nowhere"}, "/timezone", "no time zone"),
        ({"dataset": "Scores"}, "/dataset", "lower case"),
        ({"datset": "scores"}, "/datset", "did you mean 'dataset'"),
    ],
)
def test_a_deadline_that_cannot_be(planted: TestClient, changes: dict[str, Any], pointer: str, says: str) -> None:
    document = {name: value for name, value in {**BY_EIGHT, **changes}.items() if value is not None}
    answer = planted.post("/deadlines", json=document)
    assert answer.status_code == 422, answer.text
    found = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert pointer in found, found
    assert says in found[pointer]
    assert '"at": "20:00"' in answer.json()["hint"]


def test_a_dataset_that_nobody_knows_is_warned_of(planted: TestClient) -> None:
    made = planted.post("/deadlines", json={**BY_EIGHT, "dataset": "scroes"}).json()
    assert made["warnings"] == ["Nothing of the dataset 'scroes' is published yet: if that is not its name, it never will be."]
    assert made["means"].endswith("scroes is published up to that day.")


def test_why_a_job_is_not_done(planted: TestClient) -> None:
    planted.put("/jobs/j", json={"name": "j", "pipeline": "p", "calendar": "XSHG"})
    answer = planted.get("/jobs/j/why", params={"trade_date": "2026-11-21"}).json()
    assert (answer["done"], answer["trade_date"]) == (False, "2026-11-21")
    assert answer["summary"] == (
        "j has not succeeded for 2026-11-21: 2026-11-21 (Sat) is no session of XSHG: nothing was to run."
    )
    assert answer["reasons"] == [
        {"job": "j", "what": "calendar", "name": "XSHG", "state": "holiday", "at": None, "run_id": None,
         "sentence": "2026-11-21 (Sat) is no session of XSHG: nothing was to run"},
    ]  # fmt: skip
    assert planted.get("/jobs/j/why").json()["trade_date"] == "2026-11-18", "the last session that is over"
    assert planted.get("/jobs/k/why").status_code == 404
    assert planted.get("/jobs/j/why", params={"trade_date": "20261121"}).status_code == 422
