"""A day of the shipped rhythm: what a service does by itself at 09:00, at 15:00 and once the vendor has the day."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from tests.service import RunningService

TODAY, BEFORE = date(2026, 11, 23), date(2026, 11, 20)
CHAIN = ["daily_sync_job", "completion_job", "indicator_job", "scoring_save_job"]
_PATIENCE = 60


class Clock:
    """What time it is for the service, in Shanghai."""

    def __init__(self, file: Path, at: time) -> None:
        self.file = file
        self.set(at)

    def set(self, at: time) -> None:
        there = datetime.combine(TODAY, at, ZoneInfo("Asia/Shanghai"))
        aside = self.file.with_suffix(".new")
        aside.write_text(str((there - datetime.now(UTC)).total_seconds()))
        aside.replace(self.file)


def runs_of(service: RunningService, day: date) -> list[dict[str, Any]]:
    """The runs for that trade date, oldest first."""
    items = service.http.get("/api/v1/runs", params={"trade_date": str(day)}).raise_for_status().json()["items"]
    return sorted(items, key=lambda run: run["id"])


def chain_ended(service: RunningService, day: date) -> bool:
    runs = runs_of(service, day)
    assert not [run for run in runs if run["status"] in ("failed", "cancelled")], runs
    return [run["job"] for run in runs if run["status"] == "succeeded"] == CHAIN


def scored_on(service: RunningService, day: date) -> int:
    scores = pd.read_parquet(service.data_dir / "current" / "scores", columns=["trade_date", "score"])
    return int(scores.loc[scores["trade_date"] == day, "score"].notna().sum())


def firings(service: RunningService, kind: str, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.http.get(f"/api/v1/{kind}/{name}/firings").raise_for_status().json()["items"]
    return items


def test_nine_oclock_is_for_the_day_before_and_the_day_itself_comes_when_the_vendor_has_it(
    start_service: Callable[..., RunningService], wait_until: Callable[..., Any], tmp_path: Path
) -> None:
    clock = Clock(tmp_path / "clock", time(8, 55))
    service = start_service(clock_file=clock.file, rhythm="live", beat_seconds=0.5, reap_seconds=0.5)

    clock.set(time(9, 0, 1))
    wait_until(lambda: chain_ended(service, BEFORE), _PATIENCE)
    causes = [(run["cause"]["type"], run["cause"]["name"]) for run in runs_of(service, BEFORE)]
    assert causes == [
        ("schedule", "daily_sync_schedule"),
        ("trigger", "trigger_completion_on_sync_success"),
        ("trigger", "trigger_indicators_on_completion_success"),
        ("trigger", "trigger_scoring_on_indicator_success"),
    ]
    assert scored_on(service, BEFORE) > 10
    assert runs_of(service, TODAY) == []
    for name in ("daily_bars", "fundamentals", "quarantine", "indicators", "scores"):
        held = pd.read_parquet(service.data_dir / "current" / name, columns=["trade_date"])
        assert TODAY not in set(held["trade_date"]), name
    assert [row for row in firings(service, "triggers", "daily_sync_on_vendor_ready") if row["outcome"] == "fired"] == []

    clock.set(time(15, 0, 1))
    wait_until(lambda: firings(service, "schedules", "afternoon_calculation_schedule"), _PATIENCE)
    (afternoon,) = firings(service, "schedules", "afternoon_calculation_schedule")
    assert (afternoon["outcome"], afternoon["reason"]) == ("skipped", "nothing_new"), afternoon

    clock.set(time(18, 0))
    wait_until(lambda: chain_ended(service, TODAY), _PATIENCE)
    assert runs_of(service, TODAY)[0]["cause"]["name"] == "daily_sync_on_vendor_ready"
    assert scored_on(service, TODAY) > 10
    assert chain_ended(service, BEFORE), "the day before was left alone"
    (ready,) = firings(service, "triggers", "daily_sync_on_vendor_ready")
    assert (ready["outcome"], ready["trade_date"]) == ("fired", str(TODAY))
