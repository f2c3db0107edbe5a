"""The main job through the whole service: real bars from files, a market past the calendar's end, a kill in the middle."""

import io
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from app.manager import PipelineManager
from tests.service import OPENBELL, RunningService

JOB = "daily_full_pipeline"
HASTY = {"beat_seconds": 0.2, "lease_seconds": 1, "reap_seconds": 0.2}
pytestmark = pytest.mark.slow


def run(service: RunningService, job: str = JOB) -> dict[str, Any]:
    """Run the job to its end."""
    made = service.http.post(f"/api/v1/jobs/{job}/runs?wait=60", json={}).json()
    return final(service, made["id"])


def final(service: RunningService, run_id: str) -> dict[str, Any]:
    for _ in range(10):
        found: dict[str, Any] = service.http.get(f"/api/v1/runs/{run_id}?wait=60").json()
        if found["status"] in ("succeeded", "failed", "cancelled"):
            return found
    raise AssertionError(f"still {found['status']}: {found}")


def read(service: RunningService, dataset: str) -> pd.DataFrame:
    return pd.read_parquet(service.data_dir / "current" / dataset)


@pytest.fixture(scope="module")
def real(start_service: Callable[..., RunningService], market_data: Path) -> RunningService:
    """A service whose lake was made of the real bars of fifty names in 2025."""
    service = start_service(source="files", files_path=market_data / "sse50_2025_daily.parquet")
    ended = run(service)
    assert ended["status"] == "succeeded", ended
    return service


@pytest.mark.data
def test_every_row_of_the_file_is_published_or_in_quarantine(real: RunningService, market_data: Path) -> None:
    bars, given = read(real, "daily_bars"), pd.read_parquet(market_data / "sse50_2025_daily.parquet")
    quarantined = real.data_dir / "current" / "quarantine"
    kept_out = len(pd.read_parquet(quarantined)) if quarantined.exists() else 0
    from_file = bars[bars["source"] != "inferred"]
    assert len(from_file) + kept_out == len(given)
    assert len(bars) - len(from_file) == 24, "the missing sessions of three names are suspensions"
    assert bars.loc[bars["source"] == "inferred", "is_suspended"].all()


@pytest.mark.data
def test_the_terminal_and_http_give_what_the_files_hold(real: RunningService, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    command = [OPENBELL, "data", "scores", "--format", "parquet", "--out", str(out)]
    subprocess.run(command, env=real.environment, cwd=real.folder, check=True, timeout=90)
    ordered = read(real, "scores").sort_values(["order_book_id", "trade_date"], ignore_index=True)
    assert_frame_equal(pd.read_parquet(out).sort_values(["order_book_id", "trade_date"], ignore_index=True), ordered)
    again = subprocess.run(command, env=real.environment, cwd=real.folder, capture_output=True, text=True, check=False)
    assert "is there already" in again.stderr
    csv = real.http.get("/api/v1/datasets/scores/data?format=csv&columns=order_book_id,trade_date,rank")
    ranks = pd.read_csv(io.BytesIO(csv.content)).sort_values(["order_book_id", "trade_date"], ignore_index=True)
    assert ranks["rank"].equals(ordered["rank"].astype(ranks["rank"].dtype))


@pytest.mark.data
def test_a_dry_run_of_an_import_tells_what_would_come(real: RunningService, market_data: Path) -> None:
    command = [OPENBELL, "import", "daily_bars", str(market_data / "raw" / "tushare_daily_sse50.csv"), "--dry-run", "--json"]
    done = subprocess.run(command, env=real.environment, cwd=real.folder, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # The factors of either file begin on another day, but they are not compared.
    assert told["report"]["lake"] == {"new": 0, "same": 4976, "different": 0}
    assert [step["status"] for step in told["run"]["steps"]] == ["succeeded", *["skipped"] * 4]
    assert list((real.data_dir / "imports").iterdir()) == []


@pytest.mark.data
def test_an_export_is_a_file_that_needs_nothing_else(real: RunningService, tmp_path: Path) -> None:
    command = [OPENBELL, "export-data", "all.duckdb", "--datasets", "scores,daily_bars", "--symbols", "sh600900"]
    done = subprocess.run(command, env=real.environment, cwd=real.folder, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    file = Path(done.stdout.splitlines()[-1])
    assert file == real.data_dir / "exports" / "all.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM scores").fetchall()
    own = read(real, "scores")
    assert rows == (int((own["order_book_id"] == "600900.XSHG").sum()),)
    again = subprocess.run(
        command, env=real.environment, cwd=real.folder, capture_output=True, text=True, check=False, timeout=90
    )
    assert again.returncode == 1
    assert "is there already" in again.stdout + again.stderr


@pytest.mark.data
def test_every_reader_sees_the_same_rows(real: RunningService) -> None:
    key = ["order_book_id", "trade_date"]
    frame = read(real, "scores").sort_values(key, ignore_index=True)
    with duckdb.connect(real.data_dir / "market.duckdb", read_only=True) as connection:
        table = connection.sql("from scores order by order_book_id, trade_date").df()
    manager = PipelineManager.open(real.data_dir)
    whole = manager.read_dataset("scores").sort_values(key, ignore_index=True)
    manager.close()
    assert len(frame) > 0
    assert_frame_equal(frame, whole)
    assert_frame_equal(frame[["score", "rank"]].astype(float), table[["score", "rank"]].astype(float))
    assert list(frame["order_book_id"]) == list(table["order_book_id"])


@pytest.mark.data
@pytest.mark.parametrize("job", [JOB, "stock_analysis_job"])
def test_a_second_run_publishes_nothing(real: RunningService, job: str) -> None:
    ended = run(real, job)
    assert (ended["status"], ended["snapshots"]["published"]) == ("succeeded", []), ended


@pytest.mark.data
def test_bars_without_factors_are_published_as_unadjusted(
    start_service: Callable[..., RunningService], market_data: Path
) -> None:
    file = market_data / "daily_2005_2018_ohlcv.parquet"
    service = start_service(source="files", files_path=file)
    ended = run(service, "stock_analysis_job")
    assert ended["status"] == "succeeded", ended
    bars = read(service, "daily_bars")
    quarantined = service.data_dir / "current" / "quarantine"
    kept_out = len(pd.read_parquet(quarantined)) if quarantined.exists() else 0
    assert int((bars["source"] != "inferred").sum()) + kept_out == len(pd.read_parquet(file))
    facts = {item["dataset"]: item["facts"] for item in service.http.get("/api/v1/datasets").json()["items"]}
    assert (facts["indicators"]["adjusted"], facts["scores"]["adjusted"]) == (False, False)


def test_past_the_calendars_end_the_data_reach_the_last_known_session(
    start_service: Callable[..., RunningService], tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text(str((datetime(2027, 1, 4, 12, tzinfo=UTC) - datetime.now(UTC)).total_seconds()))
    service = start_service(clock_file=clock)
    ended = run(service)
    assert ended["status"] == "succeeded", ended
    assert pd.to_datetime(read(service, "daily_bars")["trade_date"]).max().date() == date(2026, 12, 31)
    told = service.http.get(f"/api/v1/runs/{ended['id']}/logs").text
    assert "2026-12-31" in told


def test_a_kill_in_the_middle_changes_nothing_that_is_published(
    start_service: Callable[..., RunningService], wait_until: Callable[..., Any]
) -> None:
    market = {"simulated_symbols": 60, "simulated_years": 2}
    undisturbed, killed = start_service(**market), start_service(**market, **HASTY)
    assert run(undisturbed)["status"] == "succeeded"
    made = killed.http.post(f"/api/v1/jobs/{JOB}/runs", json={}).json()
    wait_until(lambda: _step_began(killed, made["id"], "calculate_indicators"), 60)
    killed.kill()
    killed.start()
    ended = final(killed, made["id"])
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended
    for dataset in ("daily_bars", "indicators", "scores"):
        assert_frame_equal(_sorted(read(killed, dataset)), _sorted(read(undisturbed, dataset)))


def _step_began(service: RunningService, run_id: str, node: str) -> bool:
    steps = service.http.get(f"/api/v1/runs/{run_id}").json()["steps"]
    return any(step["node"] == node and step["status"] != "pending" for step in steps)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["order_book_id", "trade_date"], ignore_index=True)
