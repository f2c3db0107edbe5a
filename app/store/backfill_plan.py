"""What a backfill would do: which trade dates, which not and why, in how many runs, and how long they will take."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection, func, select

from app.definitions.backfill import RANGE_PARAMS, Backfill, Chunk, cut
from app.definitions.calendar import Calendar
from app.errors import Fault, Invalid
from app.store.status import RunStatus
from app.store.tables import backfill_chunks, backfills, runs, steps
from app.store.views import seconds

_HISTORY = 20
"""Runs that an estimate stands on."""


@dataclass(frozen=True)
class Gaps:
    """What the lake says of a range: its sessions with gaps and how many rows each lacks (None: not known), and from which
    day on its source has data at all (None: not known)."""

    days: Mapping[date, int | None]
    history_from: date | None = None


@dataclass(frozen=True)
class Plan:
    """The chunks in the order in which they are done, and what is left out: reason, days, first_date, last_date, detail."""

    chunks: Sequence[Chunk]
    left_out: Sequence[dict[str, Any]]
    rows: int | None = None
    """That are missing, where it is known of every chunk."""

    @property
    def sessions(self) -> int:
        """The trade dates of all chunks."""
        return sum(chunk.sessions for chunk in self.chunks)


def plan(connection: Connection, job: str, wanted: Backfill, calendar: Calendar, gaps: Gaps | None, now: datetime) -> Plan:
    """What it would do now. `gaps` only where the data decide what is missing. Raises Invalid for a range without a session."""
    left: dict[str, list[date]] = {}
    days = _known(calendar, wanted, left)
    left["not_over"] = [day for day in days if not _is_over(calendar, day, now)]
    days = [day for day in days if _is_over(calendar, day, now)]
    if gaps is not None and gaps.history_from is not None:
        left["before_history"] = [day for day in days if day < gaps.history_from]
        days = [day for day in days if day >= gaps.history_from]
    chosen = days if wanted.only == "all" else _chosen(standing(connection, job, days), wanted.only, days, gaps, left)
    rows = [gaps.days.get(day) if gaps is not None else None for day in chosen]
    counted = [count for count in rows if count is not None]
    told = [_left(reason, days) for reason, days in left.items() if days]
    return Plan(cut(chosen, wanted.chunk, wanted.order), told, sum(counted) if len(counted) == len(rows) else None)


def _known(calendar: Calendar, wanted: Backfill, left: dict[str, list[date]]) -> list[date]:
    """The sessions of the range; what else is in it is left out."""
    first, last = wanted.first, wanted.last
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    sessions = [day for day in calendar.sessions if first <= day <= last]
    left["unknown_day"] = [day for day in days if not calendar.knows(day)]
    if not sessions:
        raise Invalid(
            "The backfill is not valid.",
            faults=[Fault("/from", f"from {first} to {last} there is no session of {calendar.name}{_beside(calendar, last)}")],
            hint=f"GET /api/v1/calendars/{calendar.name}?from={first}&to={last} lists its sessions.",
        )
    open_days = set(sessions)
    left["closed"] = [day for day in days if calendar.knows(day) and day not in open_days]
    return sessions


def _beside(calendar: Calendar, day: date) -> str:
    if not calendar.knows(day):
        return f": it is known from {calendar.known_from} to {calendar.known_until}"
    return f": the last one before is {calendar.previous_or_same(day)}"


def _is_over(calendar: Calendar, day: date, now: datetime) -> bool:
    local = now.astimezone(calendar.zone).date()
    if day != local:
        return day < local
    ends = [session.anchor("close") for session in calendar.sessions_on(day)]
    return all(end is not None and end <= now for end in ends)


def _chosen(
    known: Mapping[date, RunStatus], only: str, days: Iterable[date], gaps: Gaps | None, left: dict[str, list[date]]
) -> list[date]:
    chosen: list[date] = []
    left |= {"under_way": [], "done": [], "not_failed": []}
    for day in days:
        status = known.get(day)
        if status is not None and not status.is_final:
            left["under_way"].append(day)
        elif only == "failed":
            (chosen if status is RunStatus.failed else left["not_failed"]).append(day)
        elif (
            status in (RunStatus.failed, RunStatus.cancelled)
            or (gaps is not None and day in gaps.days)
            or (gaps is None and status is None)
        ):
            chosen.append(day)
        else:
            left["done"].append(day)
    return chosen


_DETAILS = {
    "closed": "the exchange is closed",
    "unknown_day": "the calendar does not know them",
    "not_over": "the session is not over yet",
    "before_history": "the source has no data of them",
    "under_way": "their last run has not ended yet",
    "done": "their data are whole, and their last run succeeded if there was one",
    "not_failed": "their last run did not fail, or there was none",
}


def _left(reason: str, days: Sequence[date]) -> dict[str, Any]:
    ends = {"first_date": min(days).isoformat(), "last_date": max(days).isoformat()}
    return {"reason": reason, "days": len(days), **ends, "detail": _DETAILS[reason]}


def standing(connection: Connection, job: str, days: Sequence[date]) -> dict[date, RunStatus]:
    """How the last run about each of these days stands; days without any are left out. A chunk's run is about all of it."""
    if not days:
        return {}
    within = (runs.c.job == job, runs.c.trade_date >= days[0], runs.c.trade_date <= days[-1])
    newest = select(func.max(runs.c.id).label("id")).where(*within).group_by(runs.c.trade_date).subquery()
    single = select(runs.c.id, runs.c.status, runs.c.trade_date).join(newest, runs.c.id == newest.c.id)
    about = [(row.id, row.status, row.trade_date, row.trade_date) for row in connection.execute(single)]
    about += _ranges(connection, job, days[0], days[-1])
    found: dict[date, RunStatus] = {}
    for _, status, first, last in sorted(about):
        found |= dict.fromkeys(days[bisect_left(days, first) : bisect_right(days, last)], RunStatus(status))
    return found


def _ranges(connection: Connection, job: str, first: date, last: date) -> list[tuple[str, str, date, date]]:
    """The runs of chunks of several days, and those that retried them."""
    chunk = backfill_chunks.c
    own = (backfills.c.job == job, chunk.first_date <= last, chunk.last_date >= first, chunk.sessions > 1)
    joined = backfills.join(backfill_chunks, chunk.backfill == backfills.c.id).join(runs, runs.c.id == chunk.run_id)
    query = select(runs.c.id, runs.c.status, chunk.first_date, chunk.last_date).select_from(joined)
    about = {row.id: row for row in connection.execute(query.where(*own))}
    if not about:
        return []
    again = select(runs.c.id, runs.c.status, runs.c.retry_of).where(runs.c.job == job, runs.c.retry_of.is_not(None))
    retried = [(row, about[row.retry_of]) for row in connection.execute(again) if row.retry_of in about]
    both = [*((row, row) for row in about.values()), *retried]
    return [(row.id, row.status, origin.first_date, origin.last_date) for row, origin in both]


@dataclass(frozen=True)
class History:
    """What one trade date cost in the job's last runs: seconds and rows; None without such runs."""

    runs: int
    seconds: float | None
    rows: float | None


def history(connection: Connection, job: str, calendar: Calendar, *, ranges: bool) -> History:
    """What the newest runs that succeeded say, those with a range of a range, else those without."""
    query = select(runs.c.id, runs.c.started_at, runs.c.finished_at, runs.c.params).where(
        runs.c.job == job, runs.c.status == RunStatus.succeeded
    )
    found = connection.execute(query.order_by(runs.c.finished_at.desc()).limit(_HISTORY)).all()
    single = [run for run in found if not _has_range(run.params)]
    # Many dates in one run cost far less than as many runs: what ranges took says nothing of single dates.
    alike = ([run for run in found if _has_range(run.params)] or single) if ranges else single
    first_steps = select(steps.c.run_id, steps.c.metrics).where(
        steps.c.run_id.in_([run.id for run in alike]), steps.c.position == 0
    )
    rows = {row.run_id: row.metrics for row in connection.execute(first_steps)}
    took, taken = [], []
    for run in alike:
        days = _days(run.params, calendar)
        took.append((seconds(run.started_at, run.finished_at) or 0.0) / days)
        if (count := (rows.get(run.id) or {}).get("record_count")) is not None:
            taken.append(count / days)
    return History(len(alike), median(took) if took else None, median(taken) if taken else None)


def _has_range(params: Mapping[str, Any]) -> bool:
    return all(params.get(name) for name in RANGE_PARAMS)


def _days(params: Mapping[str, Any], calendar: Calendar) -> int:
    if not _has_range(params):
        return 1
    first, last = (date.fromisoformat(params[name]) for name in RANGE_PARAMS)
    return max(1, sum(first <= day <= last for day in calendar.sessions))
