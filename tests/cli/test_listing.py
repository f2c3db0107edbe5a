"""What a list of runs and a run's own lines say."""

from typing import Any

from app.cli import follow, runs, timing

RUN: dict[str, Any] = {
    "id": "r", "job": "j", "trade_date": None, "status": "queued", "priority": 80, "queued_at": None, "duration": None,
    "reason": None, "error": None, "waiting_for": None, "retry_of": None,
}  # fmt: skip
STEP: dict[str, Any] = {
    "node": "a", "op": "noop", "status": "succeeded", "attempt": 1, "duration": 1.0, "metrics": None, "reason": None,
    "error": None, "taken_over": True,
}  # fmt: skip


def test_a_listed_run_has_its_priority_and_says_why_it_waits_and_what_it_retries() -> None:
    *_, priority, _, _, why = runs._row({**RUN, "waiting_for": "no worker is alive", "retry_of": "old"})
    assert (priority, why) == (80, "waiting: no worker is alive; retry of old")
    assert runs._row(RUN)[-1] == ""


def test_a_retry_looks_like_one() -> None:
    assert follow.heading({**RUN, "retry_of": "old"}) == "j run r, retry of old"
    assert follow._row(STEP)[-1] == "taken over"
    assert follow._row({**STEP, "taken_over": False})[-1] == ""


def test_a_moment_of_a_schedule_is_shown_in_its_zone() -> None:
    at = "2026-11-24T16:30:00.000000Z"
    assert timing._local({}, at) == "2026-11-25 00:30 Asia/Shanghai"
    assert timing._local({"timezone": "America/New_York"}, at) == "2026-11-24 11:30 America/New_York"
    assert timing._local({}, None) == "-"
