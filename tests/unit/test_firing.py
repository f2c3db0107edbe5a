"""@schedule, @run_status_sensor and @sensor: what they compile to, and what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from app.definitions import RunRequest, RunStatus, job, op, registry, run_status_sensor, schedule, sensor
from app.errors import Invalid

pytestmark = pytest.mark.usefixtures("empty_registry")


@pytest.fixture
def liquid_job(empty_registry: None) -> Any:
    @op
    def load(*, days: int = 20) -> int:
        return days

    @job
    def liquid_job(days: int = 20):
        load(days=days)

    return liquid_job


def fires() -> dict[str, Any]:
    """Says when."""
    return {}


def test_a_schedule_has_what_the_decorator_and_the_function_say(liquid_job: Any) -> None:
    made = schedule(
        at="close+30m",
        job=liquid_job,
        calendar="XSHG",
        day={"nth": -1, "of": "month"},
        trade_date="previous",
        catch_up="all",
        name="monthly",
    )(lambda: {"days": 60})
    assert made.name == "monthly"
    assert made.document == {
        "name": "monthly",
        "job": "liquid_job",
        "at": "close+30m",
        "day": {"nth": -1, "of": "month"},
        "calendar": "XSHG",
        "trade_date": "previous",
        "catch_up": "all",
        "params": {"days": 60},
    }


def test_a_job_may_be_given_by_its_name() -> None:
    assert schedule(cron_schedule="0 9 * * 1-5", job="elsewhere_job", execution_timezone="UTC")(fires).document == {
        "name": "fires", "job": "elsewhere_job", "cron": "0 9 * * 1-5", "timezone": "UTC", "description": "Says when.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "document"), [(RunStatus.SUCCESS, None), (RunStatus.FAILURE, "failed"), (RunStatus.CANCELED, "cancelled")]
)
def test_a_run_status_sensor_watches_jobs(liquid_job: Any, status: RunStatus, document: str | None) -> None:
    @run_status_sensor(monitored_jobs=[liquid_job, "other_job"], run_status=status, match="all", on_rerun="always")
    def after():
        return RunRequest(run_key=None, job_name="next_job", params={"start": "${upstream.trade_date}"})

    assert after.document == {
        "name": "after",
        "job": "next_job",
        "when": {"jobs": ["liquid_job", "other_job"], **({"status": document} if document else {})},
        "on_rerun": "always",
        "params": {"start": "${upstream.trade_date}"},
    }


def yields() -> Any:
    yield RunRequest(params={"days": 3})


@pytest.mark.parametrize("function", [lambda: None, fires, lambda: RunRequest(), lambda: {"days": 3}, yields])
def test_the_job_that_is_asked_for_may_stand_in_the_decorator(liquid_job: Any, function: Callable[[], Any]) -> None:
    made = run_status_sensor(monitored_jobs=["first_job"], request_job=liquid_job, name="after")(function)
    assert made.document["job"] == "liquid_job"
    assert made.document.get("params", {}) in ({}, {"days": 3})


@pytest.mark.parametrize(
    ("form", "when"),
    [
        ({"event": "factors_changed"}, {"event": "factors_changed"}),
        ({"file": "/inbox/*.parquet"}, {"file": {"glob": "/inbox/*.parquet"}}),
        (
            {"vendor_ready": {"dataset": "daily_bars", "from": "close+30m", "until": "22:00"}},
            {"vendor_ready": {"dataset": "daily_bars", "from": "close+30m", "until": "22:00"}},
        ),
    ],
)
def test_a_sensor_waits_for_what_comes_from_outside(form: dict[str, Any], when: dict[str, Any]) -> None:
    made = sensor(job="liquid_job", name="arrived", **form)(lambda: {"symbols": "${event.symbols}"} if "event" in form else None)
    assert made.document["when"] == when


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda context: {}, "must take no parameter: it is called once, when it is defined"),
        (lambda: 5, "must return params or a RunRequest, not int"),
        (lambda: RunRequest(run_key="2026-11-20"), "run_key is not needed"),
        (lambda: RunRequest(), "says no job: return RunRequest"),
    ],
)
def test_a_function_that_waits_for_something_to_look_at_is_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        run_status_sensor(monitored_jobs=["first_job"])(function)
    assert registry.documents == []


@pytest.mark.parametrize(
    "decorator",
    [
        schedule(cron_schedule="0 9 * *", job="a_job"),
        schedule(job="a_job"),
        schedule(at="close+30m", job="a_job"),
        run_status_sensor(monitored_jobs=[], request_job="a_job"),
        run_status_sensor(monitored_jobs=["a_job"], request_job="a_job"),
        sensor(job="a_job"),
        sensor(event="a", file="b", job="a_job"),
    ],
)
def test_the_rest_are_faults_of_the_document(decorator: Callable[..., Any]) -> None:
    with pytest.raises(Invalid):
        decorator(fires)
    assert registry.documents == []


def test_they_come_along_with_their_module(liquid_job: Any) -> None:
    schedule(cron_schedule="0 9 * * 1-5", job=liquid_job)(fires)
    sensor(event="e", job=liquid_job, name="on_e")(fires)
    assert [(each.kind, each.document["name"], each.managed_by) for each in registry.documents] == [
        ("pipeline", "liquid", "file"), ("job", "liquid_job", "file"), ("schedule", "fires", "file"), ("trigger", "on_e", "file"),
    ]  # fmt: skip
