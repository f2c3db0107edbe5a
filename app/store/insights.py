"""Read-only questions: how a job does, what waits, what is due. None of them scans the history of other jobs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from app import clock
from app.errors import Invalid
from app.store import calendars, schedules
from app.store.status import INTERRUPTIONS, RunStatus
from app.store.tables import runs, step_attempts, steps
from app.store.views import seconds, shown

DEFAULT_WINDOW = "20td"
_DEFAULT_CALENDAR = "XSHG"


@dataclass(frozen=True)
class Window:
    """A stretch of time up to now. `since` is None for all of it; `sessions` are its trading days, if it counts such."""

    text: str
    since: datetime | None
    sessions: list[date]


def window(connection: Connection, text: str, calendar: str | None) -> Window:
    """`24h`, `20td` (trading days of the job's calendar, XSHG where it has none) or `all`. Raises Invalid."""
    if text == "all":
        return Window(text, None, [])
    amount, unit = (text[:-2], "td") if text.endswith("td") else (text[:-1], text[-1:])
    if not amount.isascii() or not amount.isdigit() or not 0 < int(amount) <= 10_000 or unit not in ("td", "h"):
        raise Invalid(f"{text[:40]!r} is no window.", hint="Write 24h, 20td (trading days) or all.")
    if unit == "h":
        return Window(text, clock.now() - timedelta(hours=int(amount)), [])
    today = clock.market_date()
    first = calendars.nth_back(connection, calendar or _DEFAULT_CALENDAR, today, int(amount))
    if first is None:
        return Window(text, None, calendars.between(connection, calendar or _DEFAULT_CALENDAR, None, today))
    since = datetime.combine(first, time(), clock.SHANGHAI)
    return Window(text, since, calendars.between(connection, calendar or _DEFAULT_CALENDAR, first, today))


def _within(job: str, stretch: Window, *, backfills: bool = False) -> ColumnElement[bool]:
    parts = [runs.c.job == job]
    if stretch.since is not None:
        # By id and not by queued_at: a UUIDv7 begins with its millisecond, and the index is by (job, id).
        parts.append(runs.c.id >= id_at(stretch.since))
    if not backfills:
        parts.append(runs.c.cause_type != "backfill")
    return and_(*parts)


def id_at(at: datetime) -> str:
    """The smallest run id of that millisecond."""
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def job_status(
    connection: Connection, job: str, calendar: str | None, stretch: Window, *, backfills: bool = False
) -> dict[str, Any]:
    """The guide's five keys first; never run: nulls. The rate of success leaves backfills out unless asked."""
    newest = _newest(connection, job)
    finished = _newest(connection, job, finished=True)
    counts = _counts(connection, _within(job, stretch, backfills=backfills))
    waiting = dict(_by_status(connection, job))
    return {
        "name": job,
        "last_run": shown(newest["started_at"]) if newest else None,
        "status": newest["status"] if newest else None,
        "duration": seconds(finished["started_at"], finished["finished_at"]) if finished else None,
        "success_rate": _rate(counts),
        "last_run_id": newest["id"] if newest else None,
        "date_success_rate": _date_rate(connection, job, calendar, stretch),
        "window": stretch.text,
        "queued": waiting.get("queued", 0),
        "running": waiting.get("running", 0),
        "next_fire": shown(schedules.next_fire(connection, job)),
    }


def _newest(connection: Connection, job: str, *, finished: bool = False) -> Any:
    query = select(runs.c.id, runs.c.status, runs.c.started_at, runs.c.finished_at).where(runs.c.job == job)
    if finished:
        query = query.where(runs.c.finished_at.is_not(None)).order_by(runs.c.finished_at.desc())
    else:
        query = query.order_by(runs.c.id.desc())
    return connection.execute(query.limit(1)).mappings().first()


def _by_status(connection: Connection, job: str) -> list[tuple[str, int]]:
    open_runs = runs.c.status.in_((RunStatus.queued, RunStatus.running))
    query = select(runs.c.status, func.count()).where(runs.c.job == job, open_runs).group_by(runs.c.status)
    return [(row[0], row[1]) for row in connection.execute(query)]


def _counts(connection: Connection, within: ColumnElement[bool]) -> dict[str, int]:
    query = select(runs.c.status, func.count()).where(within).group_by(runs.c.status)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {status.value: found.get(status.value, 0) for status in RunStatus}


def _rate(counts: dict[str, int]) -> float | None:
    ended = counts["succeeded"] + counts["failed"]
    return counts["succeeded"] / ended if ended else None


def _date_rate(connection: Connection, job: str, calendar: str | None, stretch: Window) -> float | None:
    """Trade dates whose last run succeeded / trade dates that the job had runs for."""
    if calendar is None or not stretch.sessions:
        return None
    due = and_(runs.c.job == job, runs.c.trade_date >= stretch.sessions[0], runs.c.trade_date <= stretch.sessions[-1])
    newest = select(func.max(runs.c.id).label("id")).where(due).group_by(runs.c.trade_date).subquery()
    succeeded = func.sum(case((runs.c.status == RunStatus.succeeded, 1), else_=0))
    row = connection.execute(select(func.count(), succeeded).join(newest, runs.c.id == newest.c.id)).one()
    return int(row[1]) / int(row[0]) if row[0] else None


def job_metrics(connection: Connection, job: str, stretch: Window, *, backfills: bool = False) -> dict[str, Any]:
    """Counts, rates and percentiles of a job over a window, with its steps' durations and a series per day.

    Backfills are left out unless asked.
    """
    within = _within(job, stretch, backfills=backfills)
    rows = connection.execute(
        select(runs.c.id, runs.c.status, runs.c.queued_at, runs.c.started_at, runs.c.finished_at)
        .where(within)
        .order_by(runs.c.id)
    ).all()
    counts = {status.value: sum(row.status == status for row in rows) for status in RunStatus}
    attempts = _attempts(connection, job, stretch)
    # Of a run that was interrupted, the time also counts how long nobody executed it.
    interrupted = {attempt.run_id for attempt in attempts if attempt.reason in INTERRUPTIONS}
    ended = [row for row in rows if row.status in (RunStatus.succeeded, RunStatus.failed) and row.id not in interrupted]
    return {
        "name": job,
        "window": stretch.text,
        "since": shown(stretch.since),
        "counts": counts,
        "interrupted": len(interrupted),
        "success_rate": _rate(counts),
        "duration": percentiles([seconds(row.started_at, row.finished_at) for row in ended]),
        "queue_seconds": percentiles([seconds(row.queued_at, row.started_at) for row in rows]),
        "steps": _step_metrics(connection, job, attempts),
        "days": _days(rows, interrupted),
    }


def percentiles(values: list[float | None]) -> dict[str, float | None]:
    """p50, p95 and p99 by the nearest rank; nulls without values."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {"p50": None, "p95": None, "p99": None}
    return {f"p{p}": known[max(0, -(-len(known) * p // 100) - 1)] for p in (50, 95, 99)}


def _attempts(connection: Connection, job: str, stretch: Window) -> Sequence[Any]:
    """Every try of a step that has ended."""
    names = ("run_id", "node", "status", "reason", "started_at", "finished_at")
    query = select(*(step_attempts.c[name] for name in names)).join(runs, runs.c.id == step_attempts.c.run_id)
    return connection.execute(query.where(_within(job, stretch), step_attempts.c.finished_at.is_not(None))).all()


def _step_metrics(connection: Connection, job: str, attempts: Sequence[Any]) -> list[dict[str, Any]]:
    newest = connection.execute(select(func.max(runs.c.id)).where(runs.c.job == job, runs.c.finished_at.is_not(None))).scalar()
    latest = connection.execute(
        select(steps.c.node, steps.c.op, steps.c.metrics).where(steps.c.run_id == newest).order_by(steps.c.position)
    ).all()
    found = []
    for step in latest:
        tries = [row for row in attempts if row.node == step.node]
        own = [row for row in tries if row.status in ("succeeded", "failed") and row.reason not in INTERRUPTIONS]
        found.append(
            {
                "node": step.node,
                "op": step.op,
                "attempts": len(tries),
                "failed": sum(row.status == "failed" for row in own),
                "interrupted": sum(row.reason in INTERRUPTIONS for row in tries),
                "duration": percentiles([seconds(row.started_at, row.finished_at) for row in own]),
                "metrics": step.metrics,
            }
        )
    return found


def _days(rows: Any, interrupted: Collection[str]) -> list[dict[str, Any]]:
    days: dict[date, list[Any]] = {}
    for row in rows:
        days.setdefault(clock.market_date(row.queued_at), []).append(row)
    return [
        {
            "date": day.isoformat(),
            "succeeded": sum(row.status == RunStatus.succeeded for row in own),
            "failed": sum(row.status == RunStatus.failed for row in own),
            "duration": percentiles([seconds(row.started_at, row.finished_at) for row in own if row.id not in interrupted])[
                "p50"
            ],
        }
        for day, own in sorted(days.items())
    ]


def queue(connection: Connection) -> dict[str, Any]:
    """What waits: how many runs, since when, by job."""
    oldest = func.min(runs.c.queued_at).label("oldest")
    query = select(runs.c.job, func.count().label("queued"), oldest, func.min(runs.c.due_at).label("due_at"))
    rows = connection.execute(query.where(runs.c.status == RunStatus.queued).group_by(runs.c.job).order_by(oldest)).mappings()
    jobs = [{name: shown(value) for name, value in row.items()} for row in rows]
    running = connection.execute(select(func.count()).where(runs.c.status == RunStatus.running)).scalar_one()
    now = clock.now()
    first = min((row["oldest"] for row in jobs), default=None)
    return {
        "queued": sum(row["queued"] for row in jobs),
        "running": running,
        "oldest_seconds": seconds(clock.parse(first), now) if first else None,
        "jobs": jobs,
    }
