"""The example package: ops, a job and a schedule of a user's own, outside the product's code, in a real service."""

from collections.abc import Callable

import pytest

from tests.conftest import ROOT
from tests.service import RunningService

EXAMPLE = ROOT / "examples" / "liquid_stocks"


@pytest.mark.slow
def test_a_users_package_brings_its_ops_its_job_and_its_schedule(
    start_service: Callable[..., RunningService], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLE))
    service = start_service(op_modules="liquid_stocks")
    assert service.http.get("/api/v1/ops/keep_liquid").json()["module"] == "liquid_stocks.ops"
    job = service.http.get("/api/v1/jobs/liquid_job").json()
    assert (job["managed_by"], job["pipeline"]) == ("file", "liquid")
    assert service.http.get("/api/v1/schedules/liquid_schedule").json()["job"] == "liquid_job"
    run = service.http.post("/api/v1/jobs/liquid_job/runs?wait=60", json={"params": {"top": 5}}).json()
    steps = {step["node"]: step for step in run["steps"]}
    assert run["status"] == "succeeded", run
    assert steps["keep_liquid"]["metrics"]["record_count"] > 0
    assert steps["rank_by_turnover"]["status"] == "succeeded"
    for name in ("daily_full_pipeline", "factor_job"):
        done = service.http.post(f"/api/v1/jobs/{name}/runs?wait=60", json={}).json()
        assert done["status"] == "succeeded", done
    factors = {one["factor"]: one for one in service.http.get("/api/v1/factors").json()["items"]}
    assert {one["state"] for one in factors.values()} == {"current"}
    assert factors.keys() == {"calm_value", "illiquidity_20d", "reversal_5d"}
    assert factors["reversal_5d"]["coverage"] > 0.9
    columns = service.http.get("/api/v1/datasets/factors").json()["dictionary"]["columns"]
    assert [column["name"] for column in columns][2:] == sorted(factors)
    # Whether a name closed at its limit is the market's matter: the branch ran, or says why it did not.
    branch = steps["list_at_limit"]
    assert branch["status"] == "succeeded" or branch["reason"] == "missing_input"
