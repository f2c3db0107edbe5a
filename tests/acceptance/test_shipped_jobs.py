"""Every job of the guide, run once from the terminal, and what each of its steps measured."""

import gc
import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import commands
from app.definitions.messages import METRICS
from tests.service import RunningService

pytestmark = pytest.mark.slow

JOBS = (
    "daily_sync_job", "completion_job", "indicator_job", "scoring_save_job",
    "stock_analysis_job", "daily_full_pipeline",
    "daily_data_sync", "data_completion", "indicator_calculation", "scoring_and_save",
    "morning_pipeline", "evening_pipeline", "daily_etl_pipeline",
)  # fmt: skip
"""In an order in which each finds what it needs."""

UNJUDGED = {"get_target_symbols", "get_trading_dates", "sync_fundamental", "detect_gaps", "detect_missing_data", "cleanup_temp"}
"""Steps whose work has no quality: nothing of it is bars or made of them."""

Numbers = dict[str, Any]


def openbell(service: RunningService, *arguments: str) -> str:
    """What the command prints. In this process: thirteen times two commands cost less so."""
    with warnings.catch_warnings():
        # A command leaves it to the end of its process to close what it opened.
        warnings.simplefilter("ignore", ResourceWarning)
        done = CliRunner().invoke(commands.app, arguments, env=service.environment)
        gc.collect()
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.fixture(scope="module")
def service(start_service: Callable[..., RunningService]) -> RunningService:
    return start_service(simulated_years=0.4)


@pytest.fixture(scope="module")
def runs(service: RunningService) -> dict[str, Numbers]:
    """Each job's run as `openbell run` shows it, and its numbers as `openbell metrics` does."""
    found = {}
    for job in JOBS:
        run = json.loads(openbell(service, "run", job, "--wait", "--json"))
        found[job] = {**run, "numbers": json.loads(openbell(service, "metrics", job, "--json"))}
    return found


@pytest.mark.parametrize("job", JOBS)
def test_a_job_of_the_guide_runs_and_each_step_has_the_four_metrics(runs: dict[str, Numbers], job: str) -> None:
    run = runs[job]
    assert run["status"] == "succeeded", json.dumps(run["steps"], indent=1)
    done = [step for step in run["steps"] if step["status"] == "succeeded"]
    assert done
    for step in done:
        count, seconds, peak, quality = (step["metrics"][name] for name in METRICS)
        assert isinstance(count, int), step
        assert 0 < seconds < 60
        assert peak > 2**20
        if quality is None:
            assert step["node"] in UNJUDGED or (count == 0 and "fetched_rows" in step["metrics"]), step
        else:
            assert 0 < quality <= 1, step
    told = {step["node"]: step["metrics"] for step in run["numbers"]["steps"]}
    assert told == {step["node"]: step["metrics"] for step in run["steps"]}


def test_the_numbers_of_a_job_are_a_table_in_the_terminal(service: RunningService, runs: dict[str, Numbers]) -> None:
    header, *lines = (line.split("\t") for line in openbell(service, "metrics", "scoring_save_job").splitlines())
    assert header[:5] == ["step", *METRICS]
    assert [line[0] for line in lines] == [step["node"] for step in runs["scoring_save_job"]["steps"]]
    assert all("-" not in line[1:5] for line in lines), lines
