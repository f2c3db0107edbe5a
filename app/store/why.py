"""Why a job is not done for a trade date: the chain of reasons, from the job up to what the first of them hangs on."""

from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, select

from app import clock
from app.errors import NotFound
from app.store import calendars, definitions, why_firings, why_runs
from app.store.definitions import Definition
from app.store.tables import runs
from app.store.waiting import Queue
from app.store.why_runs import Reason

DEEPEST = 30
"""Jobs of one chain that are looked at."""

_TELLING = ("failed", "missed", "held", "unseen", "skipped", "paused", "waiting", "too_new", "fired", "not_due")
"""States of what could have fired, the one that explains most first."""


class Cause(NamedTuple):
    """Of one job: whether it is done, and the sentence that says why or why not."""

    done: bool
    sentence: str


def explain(connection: Connection, job: str, day: date | None = None, lack: str | None = None) -> dict[str, Any]:
    """The chain for that trade date, or for the newest one for which the job should have run. Raises NotFound.

    `lack` is what keeps every run from beginning, if something does. One consistent view needs one read transaction.
    """
    definition = definitions.get(connection, "job", job)
    chain = _Chain(connection, clock.now(), lack)
    if day is None:
        day = chain.due_date(definition, set())
    cause = chain.job(job, day)
    about = f" for {day}" if day else ""
    if cause.done:
        summary = f"Nothing to explain{about}: {cause.sentence}."
    else:
        summary = f"{job} has not succeeded{about}: {cause.sentence}."
    return {
        "job": job,
        "trade_date": day.isoformat() if day else None,
        "done": cause.done,
        "summary": summary,
        "reasons": [reason.plain() for reason in chain.reasons],
    }


class _Chain:
    """Reads on one transaction; each job is looked at once, so that a ring ends."""

    def __init__(self, connection: Connection, now: datetime, lack: str | None) -> None:
        self._connection = connection
        self._now = now
        self._queue = Queue(connection, lack)
        self._seen: set[str] = set()
        self.reasons: list[Reason] = []

    def due_date(self, job: Definition, seen: set[str]) -> date | None:
        """The newest trade date for which it should have run: by its schedules, its upstream jobs, or its calendar."""
        seen.add(job.name)
        firing = why_firings.of(self._connection, job.name)
        scheduled = [one for one in firing if one.kind == "schedule"]
        dates = [why_firings.last_date(self._connection, one, self._now) for one in scheduled]
        for one in firing:
            for upstream in one.document.get("when", {}).get("jobs", []) if len(seen) < DEEPEST else []:
                found = definitions.find(self._connection, "job", upstream)
                if found is not None and upstream not in seen:
                    dates.append(self.due_date(found, seen))
        known = [day for day in dates if day is not None]
        return max(known) if known else self._last_closed(job)

    def job(self, name: str, day: date | None) -> Cause:
        """Note the reasons of this job and, where it waits for others, of those."""
        if name in self._seen or len(self._seen) >= DEEPEST:
            return Cause(False, f"{name} is told of already" if name in self._seen else f"more than {DEEPEST} jobs hang together")
        self._seen.add(name)
        definition = definitions.find(self._connection, "job", name)
        if definition is None:
            return self._note(Reason(name, "job", name, "gone", f"there is no job {name!r} any more"))
        if day is not None and (run := why_runs.succeeded(self._connection, name, day)) is not None:
            return self._note(why_runs.reason(self._connection, run, self._queue), done=True)
        found = why_runs.newest(self._connection, name, day)
        if found:
            causes = [self._note(why_runs.reason(self._connection, run, self._queue), done=_is_done(run)) for run in found]
            self._paused(definition)
            return causes[0]
        return self._unmade(definition, day)

    def _unmade(self, job: Definition, day: date | None) -> Cause:
        """There is no run: why not."""
        if (closed := self._calendar(job, day)) is not None:
            return closed
        paused = self._paused(job)
        firing = why_firings.of(self._connection, job.name)
        told = [self._fired(one, day) for one in firing]
        if not told:
            sentence = f"no schedule and no trigger fires {job.name}: it runs when somebody asks for it"
            return paused or self._note(Reason(job.name, "job", job.name, "by_hand", sentence))
        states = [_TELLING.index(state) if state in _TELLING else len(_TELLING) for state, _ in told]
        return paused or told[states.index(min(states))][1]

    def _fired(self, found: Definition, day: date | None) -> tuple[str, Cause]:
        if found.kind == "schedule":
            reason = why_firings.schedule(self._connection, found, day, self._now)
            return reason.state, self._note(reason)
        when = found.document["when"]
        missing = [job for job in when.get("jobs", []) if not self._came(job, day, when.get("status", "succeeded"))]
        if when.get("match", "all") == "any" and len(missing) < len(when.get("jobs", [])):
            missing = []
        reason = why_firings.trigger(self._connection, found, day, missing)
        cause = self._note(reason)
        # One that is paused would wait for them all the same.
        upstream = [self.job(job, day) for job in missing]
        if reason.state == "waiting" and (open_ones := [one for one in upstream if not one.done]):
            cause = Cause(False, f"{cause.sentence}: {open_ones[0].sentence}")
        return reason.state, cause

    def _came(self, job: str, day: date | None, status: str) -> bool:
        wanted = runs.c.trade_date == day if day is not None else runs.c.trade_date.is_(None)
        query = select(exists().where(runs.c.job == job, wanted, runs.c.status == status))
        return bool(self._connection.execute(query).scalar())

    def _calendar(self, job: Definition, day: date | None) -> Cause | None:
        """Note what the calendar says; the cause, where it says that nothing was to run."""
        name = job.document.get("calendar")
        if name is None or day is None:
            return None
        try:
            calendar = calendars.load(self._connection, name)
        except NotFound:
            return self._note(Reason(job.name, "calendar", name, "unknown", f"the calendar {name} is not there yet"))
        if not calendar.knows(day):
            until = f"whether {name} trades on {day} is not known: its calendar ends {calendar.known_until}"
            return self._note(Reason(job.name, "calendar", name, "unknown", until))
        if not calendar.is_session(day):
            closed = f"{day} ({day:%a}) is no session of {name}: nothing was to run"
            return self._note(Reason(job.name, "calendar", name, "holiday", closed))
        self._note(Reason(job.name, "calendar", name, "session", f"{day} is a session of {name}"))
        return None

    def _paused(self, job: Definition) -> Cause | None:
        if job.paused_at is None:
            return None
        at = clock.iso(job.paused_at)
        return self._note(
            Reason(job.name, "job", job.name, "paused", f"the job {job.name!r} is paused since {at}", job.paused_at)
        )

    def _last_closed(self, job: Definition) -> date | None:
        """The newest session that is over, by the job's calendar."""
        name = job.document.get("calendar")
        try:
            calendar = calendars.load(self._connection, name) if name else None
        except NotFound:
            return None
        if calendar is None:
            return None
        today = self._now.astimezone(calendar.zone).date()
        for back in (1, 2):
            day = calendars.nth_back(self._connection, calendar.name, today, back)
            closes = [session.anchor("close") for session in calendar.sessions_on(day)] if day else []
            if day and all(instant is None or instant <= self._now for instant in closes):
                return day
        return None

    def _note(self, reason: Reason, *, done: bool = False) -> Cause:
        self.reasons.append(reason)
        return Cause(done, reason.sentence)


def _is_done(run: Any) -> bool:
    return bool(run["status"] == "succeeded")
