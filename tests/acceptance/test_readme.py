"""The README's lines, word for word, against a service that was started for them."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.service import RunningService

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.M | re.S))


@pytest.mark.slow
def test_the_lines_of_the_readme(start_service: Callable[..., RunningService], monkeypatch: pytest.MonkeyPatch) -> None:
    service = start_service(first_run=True)
    script = blocks("bash").replace("http://127.0.0.1:8000", service.address).replace("curl -sS", "echo; curl -fsS")
    done = subprocess.run(["bash", "-euc", script], cwd=service.folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    pipeline, job, run, status, metrics, schedule = (json.loads(line) for line in done.stdout.splitlines() if line)
    assert (pipeline["name"], pipeline["version"]) == ("calm_scores", 1)
    assert (job["name"], job["version"]) == ("calm_scores_job", 1)
    assert run["status"] == "succeeded", run
    assert [step["status"] for step in run["steps"]] == ["succeeded"] * 5
    assert (status["status"], status["success_rate"], status["last_run_id"]) == ("succeeded", 1, run["id"])
    assert metrics["success_rate"] == 1
    assert (schedule["means"], schedule["warnings"]) == ("At 20:00 (Asia/Shanghai) on every session of XSHG, for that day.", [])
    monkeypatch.chdir(service.folder)
    names: dict[str, object] = {}
    exec(blocks("python"), names)
    assert len(pd.read_parquet("var/current/scores")) > 0
