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
    # Whether a name closed at its limit is the market's matter: the branch ran, or says why it did not.
    branch = steps["list_at_limit"]
    assert branch["status"] == "succeeded" or branch["reason"] == "missing_input"
