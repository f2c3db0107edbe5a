"""Schedules, triggers and events over HTTP: what they will do, what they did, and what is refused."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from app import clock
from app.store import schedules
from tests.api.conftest import House
from tests.service import OPENBELL

# The fixture's calendar: sessions from 2026-11-16 (Monday) to the 20th, the 23rd and the 24th, and nothing known behind.
AGAIN = "again for a date if something new was published."
AT_CLOSE = {"name": "s", "job": "j", "at": "close+30m", "calendar": "XSHG"}


@pytest.fixture
def planted(house: House) -> TestClient:
    house.plant()
    return house.client()


def test_a_schedule_says_what_it_means_and_when_it_comes(planted: TestClient) -> None:
    made = planted.post("/schedules", json=AT_CLOSE).json()
    assert made["means"] == "30 minutes after the close on every session of XSHG, for that day."
    assert made["warnings"] == []
    assert planted.put("/schedules/s", json=made).json()["version"] == 1, "what is shown can be sent back"
    assert planted.get("/schedules").json()["items"][0]["means"] == made["means"]


def test_a_preview_names_decision_and_reason(planted: TestClient) -> None:
    planted.post("/schedules", json=AT_CLOSE)
    asked = {"from": "2026-11-24T00:00:00Z", "until": "2026-11-26T00:00:00Z"}
    items = planted.get("/schedules/s/preview", params=asked).json()["items"]
    assert items[0] == {
        "fires_at": "2026-11-24T07:30:00.000000Z", "trade_date": "2026-11-24", "decision": "fire", "reason": None, "detail": "",
    }  # fmt: skip
    assert (items[1]["decision"], items[1]["reason"]) == ("hold", "unknown_day")
    assert "2026-11-25 is not known: its calendar ends 2026-11-24" in items[1]["detail"]


def test_a_preview_knows_what_a_clock_that_ran_ahead_has_fired(
    planted: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_clock(text: str) -> None:
        monkeypatch.setattr(clock, "now", lambda: clock.parse(text))

    set_clock("2026-11-23T00:00:00Z")
    planted.post("/schedules", json=AT_CLOSE)
    set_clock("2026-11-24T08:00:00Z")
    (*_, fired) = house.database.write(lambda connection: schedules.evaluate(connection, "s", clock.now()))
    set_clock("2026-11-23T00:00:00Z")
    items = planted.get("/schedules/s/preview", params={"count": 2}).json()["items"]
    assert [(item["decision"], item["reason"]) for item in items] == [("fire", None), ("skip", "fired")]
    assert items[1]["detail"] == f"it has fired already, by a clock that ran ahead: run {fired.run_id}"


@pytest.mark.parametrize("at", ["9995-01-01T00:00:00Z", "1971-01-01T00:00:00Z"])
def test_a_preview_of_no_time_is_refused(planted: TestClient, at: str) -> None:
    planted.post("/schedules", json=AT_CLOSE)
    answer = planted.get("/schedules/s/preview", params={"from": at})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/from")


def test_a_document_is_previewed_without_being_stored(planted: TestClient) -> None:
    document = {"name": "x", "job": "j", "cron": "0 9 * * 1-5", "calendar": "XSHG", "trade_date": "previous"}
    asked = {"from": "2026-11-21T00:00:00Z", "count": 1}
    answer = planted.post("/schedules/preview", json=document, params=asked).json()
    assert (
        answer["means"] == "At 09:00 on Monday through Friday (Asia/Shanghai), on sessions of XSHG only, for the session before."
    )
    assert answer["items"][0]["trade_date"] == "2026-11-20"
    nameless = {name: value for name, value in document.items() if name != "name"}
    assert planted.post("/schedules/preview", json=nameless, params=asked).json() == answer
    assert planted.get("/schedules").json()["items"] == []


def test_one_that_asks_for_a_day_before_its_close_is_warned_of(planted: TestClient) -> None:
    document = {**AT_CLOSE, "at": "open", "on_unknown": "weekdays_with_alarm"}
    (warning,) = planted.post("/schedules", json=document).json()["warnings"]
    assert "fires at 09:30 for the same day, before that day's close at 15:00" in warning
    assert '"trade_date": "previous"' in warning


@pytest.mark.parametrize(
    ("changes", "pointer", "says"),
    [
        ({"cron": "61 * * * *", "at": None}, "/cron", "no cron expression: its minute"),
        ({"cron": "0 9 * * 8", "at": None}, "/cron", "no cron expression: its day of week '8' is not valid: 0-7"),
        ({"cron": "* * * *", "at": None}, "/cron", "five fields"),
        ({"timezone": "Asia/Nowhere"}, "/timezone", "no time zone"),
        ({"calendar": "XSHQ"}, "/calendar", "did you mean 'XSHG'"),
        ({"at": "close+30h"}, "/at", "at most 24 hours such as +30m"),
        ({"start_date": "2026-12-01", "end_date": "2026-11-01"}, "/end_date", "before start_date"),
        ({"start_date": "20261201"}, "/start_date", "a date such as 2026-11-20"),
        ({"cron": "0 9 30 2 *", "at": None}, "/cron", "February has no 30th"),
        ({"cron": "0 9 * * 6", "at": None}, "/cron", "none of its moments is on a session of XSHG"),
        ({"end_date": "2026-01-31"}, "/at", "no moment from now to its end_date 2026-01-31"),
        ({"day": {"nth": 9, "of": "week"}}, "/day/nth", "1 to 7"),
        ({"trade_date": "previous", "calendar": None, "at": "09:00"}, "/trade_date", "sessions of a calendar"),
        ({"priority": 101}, "/priority", ""),
        ({"job": "k"}, "/job", "there is no job 'k'"),
    ],
)
def test_a_schedule_that_cannot_be(planted: TestClient, changes: dict[str, Any], pointer: str, says: str) -> None:
    document = {name: value for name, value in {**AT_CLOSE, **changes}.items() if value is not None}
    answer = planted.post("/schedules", json=document)
    assert answer.status_code == 422, answer.text
    found = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert pointer in found, found
    assert says in found[pointer]
    assert '"at": "close+30m"' in answer.json()["hint"]


def test_a_trigger_that_would_close_a_loop(planted: TestClient) -> None:
    planted.post("/jobs", json={"name": "k", "pipeline": "p"})
    assert planted.post("/triggers", json={"name": "t", "job": "k", "when": {"jobs": ["j"]}}).status_code == 201
    answer = planted.post("/triggers", json={"name": "u", "job": "j", "when": {"jobs": ["k"]}})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/when/jobs", "message": "would close a loop: j -> k -> j would start one another for ever"}
    ]
    itself = planted.post("/triggers", json={"name": "v", "job": "j", "when": {"jobs": ["j"]}})
    assert itself.json()["errors"][0]["pointer"] == "/when/jobs/0"


@pytest.mark.parametrize(
    ("when", "means"),
    [
        (
            {"jobs": ["k"]},
            "When a run of k has succeeded, for the same trade date; again for a date if something new was published.",
        ),
        (
            {"jobs": ["k", "l"], "deadline": "close+1h", "then": "fire"},
            "When k and l have all succeeded for the same trade date, or without the rest 1 hour after the close of that date;"
            f" {AGAIN}",
        ),
        (
            {"jobs": ["k", "l"], "match": "any", "status": "failed"},
            f"When any run of k or l has failed, for the same trade date; {AGAIN}",
        ),
        ({"file": {"glob": "/in/*.csv"}}, "When a file that matches /in/*.csv is there whole, once for each content."),
        (
            {"vendor_ready": {"dataset": "daily_bars", "from": "close", "until": "22:00"}},
            "When the source has a session's daily_bars, looked for from the close until 22:00, for that session.",
        ),
    ],
)
def test_a_trigger_says_what_it_means(planted: TestClient, when: dict[str, Any], means: str) -> None:
    for job in "jkl":
        planted.put(f"/jobs/{job}", json={"name": job, "pipeline": "p", "calendar": "XSHG"})
    made = planted.post("/triggers", json={"name": "t", "job": "j", "when": when}).json()
    assert made["means"] == means
    assert planted.put("/triggers/t", json=made).json()["version"] == 1, "what is shown can be sent back"


def test_a_dataset_that_no_source_has_is_refused(planted: TestClient) -> None:
    planted.put("/jobs/j", json={"name": "j", "pipeline": "p", "calendar": "XSHG"})
    for asked, said in (("daily_bar", "did you mean 'daily_bars'?"), ("x", "there are daily_bars, fundamentals")):
        when = {"vendor_ready": {"dataset": asked, "from": "close", "until": "22:00"}}
        refused = planted.post("/triggers", json={"name": "t", "job": "j", "when": when})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/when/vendor_ready/dataset")
        assert refused.json()["errors"][0]["message"] == f"no source has a dataset {asked!r}; {said}"
    when = {"vendor_ready": {"dataset": "fundamentals", "from": "close", "until": "22:00"}}
    assert planted.post("/triggers", json={"name": "t", "job": "j", "when": when}).status_code == 201


def test_a_job_has_a_bounded_number_of_triggers(planted: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.manager.checking.TRIGGERS", 2)
    planted.post("/jobs", json={"name": "k", "pipeline": "p"})
    answers = [
        planted.post("/triggers", json={"name": f"t{number}", "job": "k", "when": {"jobs": ["j"]}}).status_code
        for number in range(3)
    ]
    assert answers == [201, 201, 422]
    assert planted.put("/triggers/t0", json={"name": "t0", "job": "k", "when": {"jobs": ["j"], "status": "failed"}}).is_success


def test_an_event_fires_and_its_ledger_is_read(planted: TestClient) -> None:
    planted.post("/triggers", json={"name": "t", "job": "j", "when": {"event": "ready"}, "params": {"days": "${event.days}"}})
    for _ in range(2):
        sent = planted.post("/events/ready", json={"payload": {"days": 7}}, headers={"Idempotency-Key": "one"})
        assert sent.status_code == 202
        (fired,) = sent.json()["firings"]
        assert (fired["trigger"], fired["outcome"]) == ("t", "fired")
    assert sent.headers["Idempotent-Replayed"] == "true"
    run = planted.get(f"/runs/{fired['run_id']}").json()
    assert (run["params"], run["cause"]) == ({"days": 7}, {"type": "event", "name": "t"})
    refused = planted.post("/events/ready", json={"payload": {}}).json()["firings"]
    assert (refused[0]["outcome"], refused[0]["reason"]) == ("failed", "refused")
    assert "${event.days}" in refused[0]["detail"]
    ledger = planted.get("/triggers/t/firings").json()["items"]
    assert [row["outcome"] for row in ledger] == ["failed", "fired"]
    assert planted.get("/firings", params={"outcome": "failed"}).json()["items"] == ledger[:1]
    page = planted.get("/firings", params={"limit": 1}).json()
    assert planted.get("/firings", params={"limit": 1, "cursor": page["next_cursor"]}).json()["items"] == ledger[1:]
    assert len(planted.get("/runs", params={"job": "j"}).json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/events/Ready", {}, 422),
        ("/events/ready", {"payload": []}, 422),
        ("/events/ready", {"load": {}}, 422),
        ("/events/nobody", {}, 202),
    ],
)
def test_events_that_are_refused_or_heard_by_nobody(planted: TestClient, path: str, body: Any, status: int) -> None:
    assert planted.post(path, json=body).status_code == status


def test_what_was_deleted_keeps_its_ledger(planted: TestClient) -> None:
    planted.post("/triggers", json={"name": "t", "job": "j", "when": {"event": "ready"}})
    planted.post("/events/ready", json={})
    planted.delete("/triggers/t")
    assert len(planted.get("/triggers/t/firings").json()["items"]) == 1
    assert planted.get("/triggers/nothing/firings").status_code == 404


def test_from_the_command_line(house: House, serve: Callable[[House], httpx2.Client], tmp_path: Path) -> None:
    house.plant()
    client = serve(house)
    client.post("schedules", json=AT_CLOSE)
    client.post("triggers", json={"name": "t", "job": "j", "when": {"event": "ready"}})
    (tmp_path / "service.json").write_text(json.dumps({"address": str(client.base_url).removesuffix("/api/v1/"), "pid": 1}))
    environment = {"OPENBELL_DATA_DIR": str(tmp_path), "OPENBELL_ADMIN_KEY": house.keys["admin"], "PATH": "/usr/bin:/bin"}

    def openbell(*arguments: str) -> list[str]:
        done = subprocess.run([OPENBELL, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert openbell("schedules")[1].split("\t")[::4] == [
        "s",
        "30 minutes after the close on every session of XSHG, for that day.",
    ]
    assert openbell("triggers")[1].split("\t")[::3] == [
        "t",
        "When the event ready is sent, for the trade date in its payload, if there is one.",
    ]
    moments = openbell("preview", "s", "--from", "2026-11-24T00:00:00Z", "--count", "2")
    assert [line.split("\t")[1:3] for line in moments[2:]] == [["fire", "2026-11-24"], ["hold", "-"]]
    assert moments[2].endswith("\t2026-11-24 15:30 Asia/Shanghai")
    sent = openbell("send", "ready", "--payload", '{"a": 1}')[0].split("\t")
    assert sent[:2] == ["t", "fired"]
    for asked in (("firings",), ("firings", "t")):
        assert openbell(*asked)[1].split("\t")[1:3] == ["t", "fired"]
    assert openbell("pause", "t", "--kind", "trigger") == ["t\tpaused"]
    assert openbell("send", "ready")[0].split("\t")[:2] == ["t", "skipped"]
