"""What a person puts right or lets in, at the terminal and over HTTP: what stands on it moves, and it outlasts the next sync."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.stocks import exchanges
from tests.acceptance.test_repair import changed, read
from tests.acceptance.test_terminal import document, openbell
from tests.service import RunningService
from tests.stocks.market import bars

DAY, ODD_DAY = "2024-06-03", "2024-06-04"
ONE, ODD = "600000.XSHG", "600001.XSHG"


@pytest.fixture(scope="module")
def service(start_service: Callable[..., RunningService], tmp_path_factory: pytest.TempPathFactory) -> RunningService:
    """A service over twelve names; of one a row was kept out, since it closes above its highest price."""
    days = [day for day in exchanges.library()[0].sessions if "2024-01-02" <= day.isoformat() <= "2024-07-31"]
    market = bars(symbols=12, days=days)
    odd = (market["order_book_id"] == ODD) & (market["trade_date"].astype(str) == ODD_DAY)
    market.loc[odd, "high"] = market.loc[odd, "low"]
    file = tmp_path_factory.mktemp("source") / "bars.parquet"
    market.to_parquet(file)
    made = start_service(source="files", files_path=file)
    assert made.http.post("/api/v1/jobs/daily_full_pipeline/runs?wait=60", json={}).json()["status"] == "succeeded"
    return made


def done(service: RunningService, *arguments: str) -> dict[str, Any]:
    found = openbell(service, *arguments, "--wait", "--json")
    assert found.returncode == 0, found.stderr
    run: dict[str, Any] = json.loads(found.stdout)
    assert (run["job"], run["status"], len(run["snapshots"]["published"])) == ("correction_job", "succeeded", 1)
    return run


def test_a_correction_moves_what_stands_on_it_and_outlasts_a_refetch(service: RunningService) -> None:
    before = {name: read(service, name) for name in ("daily_bars", "indicators", "scores")}
    bar = before["daily_bars"].query(f"order_book_id == '{ONE}' and trade_date.astype('str') == '{DAY}'").iloc[0]
    right = round(float(bar["low"]), 2)
    words = ("correct", "sh600000", DAY, "close", str(right), "--reason", "the list says so")
    plan = document(service, *words, "--dry-run")
    assert (plan["order_book_id"], plan["before"], plan["after"]) == (ONE, {"close": bar["close"]}, {"close": right})
    run = done(service, *words, "--who", "Li")
    assert (run["trade_date"], run["note"]) == (DAY, "the list says so (Li)")
    moved = {name: changed(before[name], read(service, name)) for name in before}
    assert moved["daily_bars"][["order_book_id", "trade_date", "close"]].astype(str).to_numpy().tolist() == [
        [ONE, DAY, str(right)]
    ]
    assert set(moved["indicators"]["order_book_id"]) == {ONE}
    assert {moved[name]["trade_date"].astype(str).min() for name in moved} == {DAY}

    corrected = read(service, "daily_bars")
    again = service.http.post("/api/v1/jobs/repair_job/runs?wait=60", json={"trade_date": DAY}).json()
    assert (again["status"], again["snapshots"]["published"]) == ("succeeded", [])
    assert read(service, "daily_bars").equals(corrected)
    (kept,) = document(service, "corrections", "600000")
    assert (kept["value"], kept["replaced"], kept["who"]) == (right, bar["close"], "Li")
    done(service, "correct", ONE, DAY, "close", "--withdraw", "--reason", "it was misread")
    assert {name: len(changed(before[name], read(service, name))) for name in before} == dict.fromkeys(before, 0)
    assert document(service, "corrections") == []
    gone = service.http.delete(f"/api/v1/datasets/daily_bars/corrections?order_book_id={ONE}&trade_date={DAY}&reason=x")
    assert gone.status_code == 404


def test_a_row_that_was_kept_out_is_let_in_and_stays(service: RunningService) -> None:
    (entry,) = document(service, "quarantine", "--check", "ohlc")["items"]
    assert (entry["order_book_id"], entry["trade_date"], entry["overridden_by"]) == (ODD, ODD_DAY, None)
    done(service, "quarantine", "override", entry["fingerprint"], "--reason", "so it was")
    (told,) = document(service, "quarantine", "--overridden")["items"]
    assert (told["fingerprint"], told["override_reason"]) == (entry["fingerprint"], "so it was")
    bars_of = read(service, "daily_bars")
    assert len(bars_of[(bars_of["order_book_id"] == ODD) & (bars_of["trade_date"].astype(str) == ODD_DAY)]) == 1
    again = service.http.post("/api/v1/jobs/repair_job/runs?wait=60", json={"trade_date": ODD_DAY}).json()
    assert (again["status"], again["snapshots"]["published"]) == ("succeeded", [])
    twice = openbell(service, "quarantine", "override", entry["fingerprint"], "--reason", "once more")
    assert (twice.returncode, "let it in already" in twice.stderr) == (4, True)
    query = {"fingerprint", "overridden_by", "check"}
    assert query <= set(pd.read_parquet(Path(service.data_dir) / "current" / "quarantine").columns)


def test_what_may_not_be_changed_is_refused_with_its_place(service: RunningService) -> None:
    place = "/api/v1/datasets/daily_bars/corrections"
    good = {"order_book_id": ONE, "trade_date": DAY, "values": {"close": 10}, "reason": "r"}
    for wrong, pointer in (
        ({"order_book_id": "600099"}, "/order_book_id"),
        ({"trade_date": "2024-06-02"}, "/trade_date"),
        ({"trade_date": "yesterday"}, "/trade_date"),
        ({"values": {"clos": 1}}, "/values/clos"),
        ({"values": {"close": None}}, "/values/close"),
        ({"values": {"close": 1e300}}, "/values/close"),
        ({"values": {"close": 0}}, "/values"),
        ({"values": {}}, "/values"),
        ({"reason": ""}, "/reason"),
    ):
        answers = [service.http.post(place + path, json={**good, **wrong}) for path in ("", "/plan")]
        assert [answer.status_code for answer in answers] == [422, 422], answers[0].text
        assert [[fault["pointer"] for fault in answer.json()["errors"]] for answer in answers] == [[pointer], [pointer]]
    other = service.http.post(place.replace("daily_bars", "scores"), json=good)
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/path/name")
    assert service.http.get("/api/v1/quarantine?check=ohlc&limit=1&symbol=600099").json() == {"items": [], "next_cursor": None}
    assert service.http.post("/api/v1/quarantine/nothing/override", json={"reason": "r"}).status_code == 404
