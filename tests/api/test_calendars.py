"""Calendars over HTTP: shown with their horizon and alarm, overridden, made by users."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from starlette.testclient import TestClient

from tests.api.conftest import HOURS, SESSIONS, House
from tests.service import OPENBELL

TYPHOON = {"date": "2026-11-23", "session": False, "reason": "typhoon signal 8"}
XDEMO: dict[str, Any] = {
    "timezone": "America/Chicago",
    "hours": [{"since": "2026-11-01", "phases": [[["continuous", "21:00", "02:30", -1]], [["continuous", "09:00", "15:00"]]]}],
    "sessions": ["2026-11-24", "2026-11-25", "2026-11-27"],
    "special": [{"date": "2026-11-27", "phases": [["continuous", "09:00", "12:00"]]}],
    "known_until": "2026-11-30",
}


def sessions(client: TestClient, name: str = "XSHG") -> list[str]:
    found: list[str] = client.get(f"/calendars/{name}?from=2026-11-01").json()["sessions"]
    return found


def test_what_is_known_of_a_calendar(client: TestClient) -> None:
    (xshg,) = client.get("/calendars").json()["items"]
    assert (xshg["id"], xshg["first_date"], xshg["horizon_date"]) == ("XSHG", str(SESSIONS[0]), str(SESSIONS[-1]))
    assert (xshg["session_count"], xshg["version"], xshg["made_by"]) == (len(SESSIONS), 1, None)
    assert xshg["sessions_left"] <= 1
    assert "openbell calendar import XSHG" in xshg["alarm"]
    some = client.get("/calendars/XSHG?from=2026-11-18&to=2026-11-23").json()
    assert some["sessions"] == ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-23"]
    assert [hours["since"] for hours in some["hours"]] == ["1990-12-19"]
    missing = client.get("/calendars/xshe")
    assert (missing.status_code, "did you mean 'XSHG'" in missing.text) == (404, True)


def test_an_override_holds_at_once_and_tells_who_and_why(either: House) -> None:
    client = either.client("operator")
    said = client.post("/calendars/XSHG/overrides", json=TYPHOON)
    assert (said.status_code, said.json()["version"]) == (200, 2)
    assert "2026-11-23" not in sessions(client)
    (override,) = client.get("/calendars/XSHG/overrides").json()["items"]
    who = either.keys["operator"].split("_")[1]
    assert (override["reason"], override["made_by"], override["source_says"]) == ("typhoon signal 8", who, True)
    entry = either.client("admin").get("/audit?limit=1").json()["items"][0]
    assert (entry["actor"], entry["action"], entry["subject"], entry["name"]) == (who, "override", "calendar", "XSHG")
    assert entry["detail"]["days"] == [["2026-11-23", False, "typhoon signal 8"]]
    assert client.post("/calendars/XSHG/overrides", json=TYPHOON).json()["version"] == 2
    assert client.delete("/calendars/XSHG/overrides/2026-11-23").status_code == 204
    assert "2026-11-23" in sessions(client)
    assert client.delete("/calendars/XSHG/overrides/2026-11-23").status_code == 404
    assert client.delete("/calendars/XSHG/overrides/today").status_code == 422


def test_a_viewer_overrides_nothing(house: House) -> None:
    viewer = house.client("viewer")
    assert viewer.post("/calendars/XSHG/overrides", json=TYPHOON).status_code == 403
    assert viewer.put("/calendars/XDEMO", json=XDEMO).status_code == 403


def test_half_a_day(client: TestClient) -> None:
    half = {"date": "2026-11-23", "session": True, "reason": "half day", "phases": [["continuous", "09:30", "11:30"]]}
    assert client.post("/calendars/XSHG/overrides", json=half).status_code == 200
    shown = client.get("/calendars/XSHG?from=2026-11-23&to=2026-11-23").json()
    assert shown["special"] == [{"date": "2026-11-23", "phases": [[["continuous", "09:30", "11:30"]]]}]


LIST = "date,session,reason\n2026-11-25,false,founding day\n2026-11-28,true,make-up day\n"


def test_next_year_s_list_as_csv_moves_the_horizon(client: TestClient) -> None:
    body = {"csv": LIST, "known_until": "2026-12-04", "otherwise": "weekdays"}
    moved = client.post("/calendars/XSHG/overrides", json=body).json()
    assert (moved["horizon_date"], moved["source_horizon_date"]) == ("2026-12-04", "2026-11-24")
    days = ["2026-11-26", "2026-11-27", "2026-11-28", *(f"2026-12-0{day}" for day in (1, 2, 3, 4))]
    assert sorted({"2026-11-30", *days}) == sessions(client)[len(SESSIONS) :]
    first = client.get("/calendars/XSHG/overrides?limit=2").json()
    assert [each["date"] for each in first["items"]] == ["2026-11-25", "2026-11-26"]
    more = client.get("/calendars/XSHG/overrides", params={"cursor": first["next_cursor"], "limit": 1}).json()
    assert [each["date"] for each in more["items"]] == ["2026-11-27"]
    slip = client.delete("/calendars/XSHG/overrides/2026-12-01")
    assert (slip.status_code, "would pass for a holiday" in slip.json()["detail"]) == (409, True)


def test_a_file_of_csv_is_taken_as_it_is(client: TestClient) -> None:
    csv = {"Content-Type": "text/csv; charset=utf-8"}
    path = "/calendars/XSHG/overrides?known_until=2026-12-04&otherwise=weekdays"
    assert client.post(path, content=LIST.encode(), headers=csv).json()["horizon_date"] == "2026-12-04"
    assert "2026-11-28" in sessions(client)
    refused = client.post("/calendars/XSHG/overrides", content=b"date,session,reason\n2026-11-23,perhaps,x\n", headers=csv)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/lines/2/session")
    assert client.post("/calendars/XSHG/overrides", content=b"date\xff", headers=csv).status_code == 400
    assert client.post("/calendars/XSHG/overrides?known_until=x", content=LIST.encode(), headers=csv).status_code == 422
    both = client.post("/calendars/XSHG/overrides?known_until=2026-12-04", json=TYPHOON)
    assert (both.status_code, both.json()["errors"][0]["pointer"]) == (422, "/query/known_until")
    assert client.post("/pools", content=b"a,b", headers=csv).status_code == 415


def test_all_or_nothing(client: TestClient) -> None:
    before = sessions(client)
    days = [TYPHOON, {**TYPHOON, "date": "2026-13-01"}, {**TYPHOON, "date": "2027-06-01"}, {"date": "2026-11-20"}]
    refused = client.post("/calendars/XSHG/overrides", json={"overrides": days})
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [
        "/overrides/1/date",
        "/overrides/3/session",
        "/overrides/3/reason",
        "/overrides/2/date",
    ]
    assert sessions(client) == before
    assert client.get("/calendars/XSHG").json()["version"] == 1


def test_a_calendar_of_one_s_own(either: House) -> None:
    either.plant()
    client = either.client("operator")
    made = client.put("/calendars/XDEMO", json=XDEMO)
    assert (made.status_code, made.headers["location"], made.json()["source"]) == (201, "/api/v1/calendars/XDEMO", "custom")
    assert client.put("/calendars/XDEMO", json=XDEMO).status_code == 200
    shown = client.get("/calendars/XDEMO?from=2026-11-01").json()
    assert (shown["sessions"], shown["version"], shown["timezone"]) == (XDEMO["sessions"], 1, "America/Chicago")
    assert [hours["phases"] for hours in shown["hours"]] == XDEMO["hours"][0]["phases"]
    client.post("/calendars/XDEMO/overrides", json={**TYPHOON, "date": "2026-11-25"})
    client.post("/calendars/XDEMO/overrides", json={**TYPHOON, "date": "2026-11-30", "session": True})
    longer = {**XDEMO, "sessions": [*XDEMO["sessions"], "2026-11-28"], "known_until": "2026-11-29"}
    assert client.put("/calendars/XDEMO", json=longer).json()["version"] == 4
    # The override of a day that it knows stays; that of a day behind its new horizon is gone.
    assert sessions(client, "XDEMO") == ["2026-11-24", "2026-11-27", "2026-11-28"]
    assert client.put("/jobs/j", json={"pipeline": "p", "calendar": "XDEMO"}).status_code == 200
    used = client.delete("/calendars/XDEMO")
    assert (used.status_code, "job 'j'" in used.json()["detail"]) == (409, True)
    client.put("/jobs/j", json={"pipeline": "p"})
    assert client.delete("/calendars/XDEMO").status_code == 204
    assert client.get("/calendars/XDEMO").status_code == 404


@pytest.mark.parametrize(
    ("name", "document", "pointer"),
    [
        ("XSHG", XDEMO, "/name"),
        ("xdemo", XDEMO, "/name"),
        ("XDEMO", {**XDEMO, "name": "OTHER"}, "/name"),
        ("XDEMO", {}, "/timezone"),
    ],
)
def test_calendars_that_nobody_may_make(client: TestClient, name: str, document: dict[str, Any], pointer: str) -> None:
    refused = client.put(f"/calendars/{name}", json=document)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_source_s_calendar_stays(client: TestClient) -> None:
    assert client.delete("/calendars/XSHG").status_code == 409


def test_sources_that_disagree_are_reported(house: House) -> None:
    differs = {"date": "2026-11-18", "said": {"vendor": False, "library 1": True}}
    answer = {
        "source": "vendor, library 1",
        "sessions": ["2026-11-16", "2026-11-17", "2026-11-19"],
        "horizon": "2026-11-22",
        "timezone": "Asia/Shanghai",
        "hours": HOURS,
        "disagreements": [differs],
    }
    assert house.manager.plant_calendars({"XSHG": answer}) == ["XSHG"]
    assert house.manager.plant_calendars({"XSHG": answer}) == []
    shown = house.client("viewer").get("/calendars/XSHG").json()
    assert (shown["disagreements"], shown["source"], shown["horizon_date"]) == ([differs], "vendor, library 1", "2026-11-22")
    with structlog.testing.capture_logs() as logged:
        house.manager.warn_of_calendars()
    assert [(line["event"], line["calendar"]) for line in logged] == [
        ("calendar ends soon", "XSHG"),
        ("the sources of a calendar disagree", "XSHG"),
    ]
    assert logged[1]["days"] == ["2026-11-18"]
    # They agree again: that is no change of a day, but it must not be told any more.
    assert house.manager.plant_calendars({"XSHG": {**answer, "source": "vendor", "disagreements": []}}) == []
    again = house.client("viewer").get("/calendars/XSHG").json()
    assert (again["disagreements"], again["source"], again["version"]) == ([], "vendor", shown["version"])


def test_from_the_command_line(house: House, serve: Callable[[House], httpx2.Client], tmp_path: Path) -> None:
    address = str(serve(house).base_url).removesuffix("/api/v1/")
    (tmp_path / "service.json").write_text(json.dumps({"address": address, "pid": 1}))
    environment = {"OPENBELL_DATA_DIR": str(tmp_path), "OPENBELL_ADMIN_KEY": house.keys["admin"], "PATH": "/usr/bin:/bin"}

    def openbell(*arguments: str, code: int = 0) -> str:
        done = subprocess.run([OPENBELL, "calendar", *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    (tmp_path / "year.csv").write_text(LIST, encoding="utf-8-sig")
    moved = openbell("import", "XSHG", str(tmp_path / "year.csv"), "--known-until", "2026-12-04", "--weekdays")
    assert moved == "XSHG\tversion 2\tknown until 2026-12-04\n"
    assert "version 3" in openbell("override", "XSHG", "2026-11-27", "--reason", "typhoon")
    shown = openbell("show", "XSHG", "--from", "2026-11-24", "--to", "2026-11-30").split()
    assert shown == ["2026-11-24", "2026-11-26", "2026-11-28", "2026-11-30"]
    half = ("--phase", "auction=09:15-09:25", "--phase", "continuous 09:30-11:30")
    assert "version 4" in openbell("override", "XSHG", "2026-11-30", "--reason", "half day", *half)
    assert openbell("show", "XSHG", "--from", "2026-11-30", "--to", "2026-11-30") == (
        "2026-11-30\tauction 09:15-09:25 continuous 09:30-11:30\n"
    )
    assert "'noon' is no phase" in openbell("override", "XSHG", "2026-12-01", "--reason", "x", "--phase", "noon", code=2)
    assert "2026-11-27\tclosed\t-" in openbell("overrides", "XSHG")
    assert openbell("list").splitlines()[1].split("\t")[:3] == ["XSHG", "2026-11-16", "2026-12-04"]
    (tmp_path / "year.csv").write_text("date,session,reason\n2026-11-99,true,x\n")
    assert "/lines/2/date: must be a date" in openbell("import", "XSHG", str(tmp_path / "year.csv"), code=4)
