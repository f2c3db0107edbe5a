"""A lake over weeks: released, restored in front of readers, cut back at night, with a backup that brings it back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.acceptance.test_terminal import document, openbell
from tests.service import RunningService

BEFORE, LAST = "2026-11-19", "2026-11-20"
DAY = 86_400


@pytest.fixture(scope="module")
def service(start_service: Callable[..., RunningService], tmp_path_factory: pytest.TempPathFactory) -> RunningService:
    """Its lake is empty; the clock stands at noon of a Monday."""
    clock = tmp_path_factory.mktemp("clock") / "offset"
    clock.write_text(str(_offset(0)))
    return start_service(clock_file=clock, snapshot_days=1, simulated_symbols=12, simulated_years=0.5)


def _offset(days: float) -> float:
    return (datetime(2026, 11, 23, 4, tzinfo=UTC) - datetime.now(UTC)).total_seconds() + days * DAY


def run(service: RunningService, job: str, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = service.http.post(f"/api/v1/jobs/{job}/runs?wait=60", json=body).json()
    assert made["status"] == "succeeded", made
    return made


def read(service: RunningService, dataset: str) -> pd.DataFrame:
    return pd.read_parquet(service.data_dir / "current" / dataset)


def test_a_month_of_a_lake(service: RunningService, wait_until: Callable[..., None]) -> None:
    run(service, "daily_full_pipeline", params={"end_date": BEFORE})
    second = run(service, "daily_full_pipeline", trade_date=LAST)["id"]
    newest = document(service, "releases", LAST)
    assert (newest["status"] in ("complete", "partial"), newest["readable_snapshot"]) == (True, 2)
    mark = json.loads((service.data_dir / "current" / f"_SUCCESS-{LAST}.json").read_text())
    assert (mark["snapshot"], mark["datasets"]["scores"]["rows"]) == (2, len(read(service, "scores")))

    again = document(service, "reproduce", second)
    assert (again["reproduces"], again["comparison"]["same"], again["snapshots"]) == (
        second, True, {"read": 1, "published": []},
    )  # fmt: skip
    assert again["comparison"]["files"] == again["comparison"]["equal"] > 2

    before = sorted(read(service, "daily_bars")["trade_date"].astype(str).unique())
    assert openbell(service, "restore-snapshot", "1", "--reason", "a bad delivery").stdout == "3\trestores 1\n"
    wait_until(lambda: (service.data_dir / "current").readlink().name == "3", 30)
    assert [*sorted(read(service, "daily_bars")["trade_date"].astype(str).unique()), LAST] == before
    assert document(service, "releases", LAST)["status"] == "withdrawn"
    assert not (service.data_dir / "current" / f"_SUCCESS-{LAST}.json").exists()

    again = run(service, "daily_full_pipeline", trade_date=LAST)
    assert again["snapshots"] == {"read": 3, "published": [4]}
    assert document(service, "releases", LAST)["readable_snapshot"] == 4
    lake = {str(path) for path in (service.data_dir / "lake").glob("*/*.parquet")}
    assert openbell(service, "pin", "1", "--reason", "the paper stands on it").returncode == 0

    Path(service.environment["OPENBELL_CLOCK_FILE"]).write_text(str(_offset(40)))
    # A lease is told by the wall clock until its worker beats again.
    wait_until(lambda: service.http.get("/readyz").status_code == 200, 30)
    night = run(service, "lake_maintenance")
    done = {step["node"]: step["metrics"] for step in night["steps"]}
    assert done["retention"]["snapshots"] == 2, "2 and 3; 1 is pinned, 4 the newest"
    kept = {one["snapshot"]: one["kept"] for one in document(service, "snapshots")["items"]}
    assert kept == {1: True, 2: False, 3: False, 4: True}
    assert document(service, "snapshots", "1")["pin"]["reason"] == "the paper stands on it"
    assert {str(path) for path in (service.data_dir / "lake").glob("*/*.parquet")} <= lake
    (backup,) = (service.data_dir / "backups").glob("*-nightly")
    assert json.loads((backup / "backup.json").read_text())["snapshot"] == 4
    refused = openbell(service, "reproduce", second)
    assert (refused.returncode, "Snapshot 2, which it published, is no longer kept" in refused.stderr) == (4, True)
    checked = openbell(service, "db", "verify", "--deep")
    assert checked.returncode == 0, checked.stdout
