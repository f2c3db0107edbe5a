"""A past day that the source had wrong: published, mended at the source, repaired; what stands on it moves once, nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.stocks import exchanges
from tests.acceptance.test_terminal import document, openbell
from tests.service import RunningService
from tests.stocks.market import bars

DAY = "2024-06-03"
ONE = "600000.XSHG"
KEY = ["order_book_id", "trade_date"]


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    """Bars of twelve names on the exchange's own sessions."""
    days = [day for day in exchanges.library()[0].sessions if "2024-01-02" <= day.isoformat() <= "2024-07-31"]
    return bars(symbols=12, days=days)


@pytest.fixture
def service(start_service: Callable[..., RunningService], market: pd.DataFrame, tmp_path: Path) -> RunningService:
    """A service whose lake holds one wrong volume, and whose source no longer does. A job waits for the scores."""
    file = tmp_path / "bars.parquet"
    wrong = market.copy()
    wrong.loc[(wrong["order_book_id"] == ONE) & (wrong["trade_date"].astype(str) == DAY), "volume"] *= 3
    wrong.to_parquet(file)
    made = start_service(source="files", files_path=file)
    nodes = [{"id": "a", "op": "load_indicators"}]
    for path, body in (
        ("pipelines", {"name": "after", "nodes": nodes}),
        ("jobs", {"name": "after_job", "pipeline": "after", "calendar": "XSHG"}),
        ("triggers", {"name": "after_scores", "job": "after_job", "when": {"jobs": ["scoring_save_job"]}}),
    ):
        made.http.post(f"/api/v1/{path}", json=body).raise_for_status()
    for job in ("daily_full_pipeline", "scoring_save_job"):
        trade_date = {"trade_date": DAY} if job == "scoring_save_job" else {}
        assert made.http.post(f"/api/v1/jobs/{job}/runs?wait=60", json=trade_date).json()["status"] == "succeeded"
    market.to_parquet(file)
    return made


def read(service: RunningService, dataset: str) -> pd.DataFrame:
    return pd.read_parquet(service.data_dir / "current" / dataset).sort_values(KEY, ignore_index=True)


def changed(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The rows that are not what they were."""
    assert before[KEY].equals(after[KEY])
    same = (before == after) | (before.isna() & after.isna())
    return after[~same.all(axis=1)]


def firings(service: RunningService) -> list[tuple[str, str | None]]:
    found: list[dict[str, Any]] = service.http.get("/api/v1/triggers/after_scores/firings").json()["items"]
    return [(row["outcome"], row["reason"]) for row in reversed(found)]


def test_a_repair_moves_what_stands_on_the_day_once_and_nothing_else(service: RunningService) -> None:
    before = {name: read(service, name) for name in ("daily_bars", "indicators", "scores")}
    plan = document(service, "repair", "--date", DAY, "--symbols", "600000.SH", "--dry-run")
    assert (plan["symbols"], plan["instruments"]) == ([ONE], 1)
    bars_touched, indicators_touched, scores_touched = plan["datasets"]
    assert (bars_touched["rows"], bars_touched["partitions"]) == (1, ["2024-06"])
    assert {name: read(service, name).equals(before[name]) for name in before} == dict.fromkeys(before, True)

    done = openbell(service, "repair", "--date", DAY, "--symbols", "600000.SH", "--note", "restated", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert (run["job"], run["trade_date"], run["note"], len(run["snapshots"]["published"])) == ("repair_job", DAY, "restated", 1)

    moved = {name: changed(before[name], read(service, name)) for name in before}
    assert moved["daily_bars"][KEY].astype(str).to_numpy().tolist() == [[ONE, DAY]]
    assert set(moved["indicators"]["order_book_id"]) == {ONE}
    for name, plan_of in (("indicators", indicators_touched), ("scores", scores_touched)):
        dates = moved[name]["trade_date"].astype(str)
        assert dates.min() >= DAY, name
        assert 0 < len(moved[name]) <= plan_of["rows"], name
    assert firings(service) == [("fired", None), ("fired", None)], "once for the scores, once for their correction"

    again = openbell(service, "repair", "--date", DAY, "--wait", "--json")
    assert (again.returncode, json.loads(again.stdout)["snapshots"]["published"]) == (0, [])
    assert firings(service)[2:] == [("skipped", "unchanged")]


def test_what_cannot_be_repaired_is_refused_with_its_place(service: RunningService) -> None:
    def refused(**asked: Any) -> list[dict[str, str]]:
        answers = [service.http.post(f"/api/v1/repairs{path}", json=asked) for path in ("", "/plan")]
        assert [answer.status_code for answer in answers] == [422, 422], answers[0].text
        assert answers[0].json()["errors"] == answers[1].json()["errors"]
        assert answers[0].json()["hint"]
        errors: list[dict[str, str]] = answers[0].json()["errors"]
        return errors

    for day, why in (
        ("2024-06-02", "no session"),
        ("2999-01-04", "after today"),
        ("2024-08-01", "its bars run from 2024-01-02 to 2024-07-31"),
        ("2023-12-29", "its bars run from 2024-01-02 to 2024-07-31"),
    ):
        (fault,) = refused(trade_date=day)
        assert (fault["pointer"], why in fault["message"]) == ("/trade_date", True), fault
    (fault,) = refused(trade_date=DAY, symbols=[ONE, "600099"])
    assert fault["pointer"] == "/symbols/1"
    assert "there is no instrument '600099.XSHG'; did you mean" in fault["message"]
    nameless = service.http.post("/api/v1/jobs/repair_job/runs?wait=60", json={}).json()
    assert (nameless["status"], nameless["steps"][0]["error"]["message"]) == ("failed", "a repair is of one trade date")
