"""Rows as the faces show them: instants as ISO 8601 UTC, durations in seconds, nothing internal."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from app import clock
from app.store import lake, runs, waiting
from app.store.definitions import Definition
from app.store.status import StepStatus


def shown(value: Any) -> Any:
    """An instant or a date as text; anything else as it is."""
    if isinstance(value, datetime):
        return clock.iso(value)
    return value.isoformat() if isinstance(value, date) else value


def seconds(begin: datetime | None, end: datetime | None) -> float | None:
    """The seconds from one instant to another, if both are known; 0 when the clock was set back in between."""
    return max((end - begin).total_seconds(), 0.0) if begin and end else None


def run_views(
    connection: Connection, rows: Sequence[RowMapping], *, with_steps: bool = True, lack: str | None = None
) -> list[dict[str, Any]]:
    """Runs as the contract shows them, with their steps and what they wait for; `lack` as for `waiting.Queue`."""
    queue = waiting.Queue(connection, lack)
    ids = [row["id"] for row in rows]
    published = lake.published_by(connection, ids) if ids else {}
    steps: dict[str, list[dict[str, Any]]] = {run_id: [] for run_id in ids}
    if with_steps and ids:
        for step in runs.steps_of(connection, ids):
            steps[step["run_id"]].append(step_view(step))
    views = []
    for row in rows:
        view = {**_run_view(row, published.get(row["id"], [])), "waiting_for": queue.reason(row)}
        views.append({**view, "steps": steps[row["id"]]} if with_steps else view)
    return views


def accepted_view(accepted: runs.Accepted) -> dict[str, Any]:
    """A run as it has just been accepted."""
    return {**_run_view(accepted.run, []), "steps": [step_view(step) for step in accepted.steps]}


def run_view(connection: Connection, run_id: str, lack: str | None = None) -> dict[str, Any]:
    """One run with its steps; `lack` as for `run_views`. Raises NotFound."""
    return run_views(connection, [runs.get(connection, run_id)], lack=lack)[0]


_RUN = (
    "id", "job", "job_version", "pipeline", "pipeline_version", "status", "reason", "error", "params", "tags", "priority",
    "trade_date",
)  # fmt: skip
_RUN_TIMES = ("queued_at", "due_at", "started_at", "finished_at", "cancel_requested_at")


def _run_view(row: Mapping[Any, Any], published: list[int]) -> dict[str, Any]:
    return {
        **{name: shown(row[name]) for name in _RUN},
        "cause": {"type": row["cause_type"], "name": row["cause_name"]},
        **{name: row[name] for name in ("attempt", "failures", "crash_count", "retry_of", "reproduces", "comparison", "note")},
        **{name: shown(row[name]) for name in _RUN_TIMES},
        "duration": seconds(row["started_at"], row["finished_at"]),
        "queue_seconds": seconds(row["queued_at"], row["started_at"]),
        "worker": row["worker"],
        "code_versions": row["code_versions"],
        "snapshots": {"read": row["read_snapshot"], "published": published},
    }


def step_view(row: Mapping[Any, Any]) -> dict[str, Any]:
    """One step as the contract shows it."""
    return {
        **{name: row[name] for name in ("node", "op", "status", "reason", "attempt")},
        **{name: shown(row[name]) for name in ("due_at", "started_at", "finished_at")},
        "duration": seconds(row["started_at"], row["finished_at"]),
        "metrics": row["metrics"],
        "outputs": row["outputs"],
        "error": row["error"],
        # By a retry by hand: no attempt of this run has begun it.
        "taken_over": row["status"] == StepStatus.succeeded and row["run_attempt"] == 0,
    }


def steps_with_attempts(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The run's steps, each with every try of it, first try first."""
    attempts: dict[str, list[dict[str, Any]]] = {}
    for row in runs.attempts_of(connection, run_id):
        attempts.setdefault(row["node"], []).append(attempt_view(row))
    return [{**step_view(row), "attempts": attempts.get(row["node"], [])} for row in runs.steps_of(connection, [run_id])]


def attempt_view(row: RowMapping) -> dict[str, Any]:
    """One try of a step."""
    return {
        **{name: row[name] for name in ("attempt", "run_attempt", "status", "reason")},
        **{name: shown(row[name]) for name in ("started_at", "finished_at")},
        "duration": seconds(row["started_at"], row["finished_at"]),
        "metrics": row["metrics"],
        "error": row["error"],
    }


def definition_view(found: Definition) -> dict[str, Any]:
    """A definition: its document's fields, and behind them what the service knows of it."""
    return {
        **found.document,
        "version": found.version,
        "latest_version": found.latest_version,
        "managed_by": found.managed_by,
        "file": found.file,
        "created_at": clock.iso(found.created_at),
        "created_by": found.created_by,
        "paused": found.paused_at is not None,
    }


def row_view(row: dict[str, Any]) -> dict[str, Any]:
    """Any row with its instants and dates as text."""
    return {name: shown(value) for name, value in row.items()}
