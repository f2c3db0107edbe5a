"""A service that is killed in the middle of a run picks it up again, and does nothing twice that was finished."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.jobs import MODULES
from tests.service import RunningService

pytestmark = pytest.mark.slow

HASTY = {"beat_seconds": 0.2, "lease_seconds": 1, "reap_seconds": 0.2}


def test_a_run_goes_on_after_kill_9(
    start_service: Callable[..., RunningService], wait_until: Callable[..., Any], tmp_path: Path
) -> None:
    service = start_service(op_modules=MODULES, **HASTY)
    file, gate = tmp_path / "effects", tmp_path / "gate"
    nodes = [
        {"id": "effect", "op": "note", "params": {"file": str(file)}},
        {"id": "held", "op": "wait_for", "inputs": {"after": "effect"}, "params": {"gate": str(gate)}},
    ]
    service.http.post("/api/v1/pipelines", json={"name": "held", "nodes": nodes}).raise_for_status()
    service.http.post("/api/v1/jobs", json={"name": "held_job", "pipeline": "held"}).raise_for_status()
    run = service.http.post("/api/v1/jobs/held_job/runs", json={}).json()
    reached = Path(f"{gate}.reached")
    wait_until(reached.exists)
    path = f"/api/v1/runs/{run['id']}"
    wait_until(lambda: service.http.get(path).json()["steps"][0]["status"] == "succeeded")

    service.kill()
    reached.unlink()
    service.start()
    wait_until(reached.exists, 30)
    gate.touch()

    ended = service.http.get(f"{path}?wait=60").json()
    assert ended["status"] == "succeeded", ended
    assert ended["attempt"] == 2
    assert file.read_text() == "done\n", "the finished step was not run again"


def test_what_was_accepted_survives_kill_9(start_service: Callable[..., RunningService]) -> None:
    service = start_service(op_modules=MODULES, **HASTY)
    service.http.post("/api/v1/pipelines", json={"name": "good", "nodes": [{"id": "a", "op": "answer"}]}).raise_for_status()
    service.http.post("/api/v1/jobs", json={"name": "good_job", "pipeline": "good"}).raise_for_status()
    accepted = [service.http.post("/api/v1/jobs/good_job/runs", json={}) for _ in range(20)]
    assert {answer.status_code for answer in accepted} == {202}
    service.kill()
    service.start()
    for answer in accepted:
        assert service.http.get(f"/api/v1/runs/{answer.json()['id']}?wait=60").json()["status"] == "succeeded"
