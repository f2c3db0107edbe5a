"""What a job's schedules and triggers did for a trade date, will do, or wait for: one reason for each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from app import clock
from app.definitions.timetable import Candidate
from app.errors import NotFound
from app.store import definitions, firings, schedules
from app.store.definitions import Definition
from app.store.tables import definitions as rows
from app.store.tables import firings as firing_rows
from app.store.why_runs import Reason

_MOST = 50
_BACK, _AHEAD = timedelta(days=2), timedelta(days=16)
"""How far a moment may lie from its trade date: the longest holiday lies between."""

_LOOKED_AT = 5000
_LATELY = (timedelta(days=1), timedelta(days=4), timedelta(days=16), timedelta(days=40))
"""How far back the last moment is looked for: a month's last session, before a long holiday, lies that far."""


def of(connection: Connection, job: str) -> list[Definition]:
    """What may fire the job: its schedules, then its triggers."""
    query = select(rows.c.kind, rows.c.name).where(
        rows.c.kind.in_(("schedule", "trigger")), rows.c.uses == job, rows.c.deleted_at.is_(None)
    )
    names = connection.execute(query.order_by(rows.c.kind, rows.c.name).limit(_MOST)).all()
    return [definitions.get(connection, row.kind, row.name) for row in names]


def last_date(connection: Connection, schedule: Definition, now: datetime) -> date | None:
    """The trade date of its last moment that was to fire, or was held; None when there was none lately."""
    try:
        timetable = schedules.table(connection, schedule.document)
    except NotFound:
        return None
    for reach in _LATELY:
        due = [each for each in timetable.between(now - reach, now) if each.decision != "skip"]
        if due:
            return due[-1].trade_date or due[-1].day
    return None


def schedule(connection: Connection, found: Definition, day: date | None, now: datetime) -> Reason:
    """What the schedule did for that trade date, or when it will."""

    def reason(state: str, sentence: str, at: datetime | None = None, run_id: str | None = None) -> Reason:
        return Reason(found.document["job"], "schedule", found.name, state, f"schedule {found.name!r} {sentence}", at, run_id)

    try:
        candidate = _moment(connection, found, day, now)
    except NotFound:
        return reason("unseen", f"cannot fire: its calendar {found.document['calendar']} is not there yet")
    row = _decided(connection, found, candidate, day)
    if row is not None and (row["outcome"] != "held" or found.paused_at is None):
        return reason(row["outcome"], _outcome(row), row["due_at"], row["run_id"])
    if found.paused_at is not None:
        would = f"; it would fire at {clock.iso(candidate.due_at)}" if candidate and candidate.due_at > now else ""
        return reason("paused", f"is paused since {clock.iso(found.paused_at)}{would}", found.paused_at)
    if candidate is None:
        return reason("no_moment", f"has no moment for {day}" if day else "has no moment lately, and none to come")
    at = clock.iso(candidate.due_at)
    if candidate.due_at > now:
        held = f", if it is a session: {candidate.detail}" if candidate.decision == "hold" else ""
        return reason("not_due", f"is not due yet: it comes at {at}{held}", candidate.due_at)
    if found.created_at > candidate.due_at:
        return reason("too_new", f"was made or changed after its moment at {at}: an edit never fires the past", candidate.due_at)
    sentence = f"was due at {at} and is not decided yet: no process with the role 'scheduler' has looked at it"
    return reason("unseen", sentence, candidate.due_at)


def trigger(connection: Connection, found: Definition, day: date | None, missing: Sequence[str]) -> Reason:
    """What the trigger did for that trade date, or what it waits for: of upstream jobs, these are missing."""
    row = _of_day(connection, "trigger", found.name, day)
    state, sentence = "waiting", f"waits for {_awaited(found.document['when'], missing, day)}"
    at = run_id = None
    if found.paused_at is not None:
        state, sentence, at = "paused", f"is paused since {clock.iso(found.paused_at)}", found.paused_at
    elif row is not None and (not missing or row["outcome"] in ("missed", "failed")):
        state, sentence, at, run_id = row["outcome"], _outcome(row), row["due_at"], row["run_id"]
    elif "jobs" in found.document["when"] and not missing:
        state, sentence = "too_new", "has not fired: what it waits for had come before it was made or changed"
    return Reason(found.document["job"], "trigger", found.name, state, f"trigger {found.name!r} {sentence}", at, run_id)


def _moment(connection: Connection, found: Definition, day: date | None, now: datetime) -> Candidate | None:
    """The last moment for that trade date that has come, or else the next one."""
    timetable = schedules.table(connection, found.document)
    if day is None:
        lately = [each for each in timetable.between(now - _LATELY[0], now) if each.decision != "skip"]
        return lately[-1] if lately else next(iter(timetable.between(now, now + _AHEAD)), None)
    begin = datetime.combine(day, time(0), UTC)
    around = islice(timetable.between(begin - _BACK, begin + _AHEAD), _LOOKED_AT)
    matching = [each for each in around if each.decision != "skip" and (each.trade_date or each.day) == day]
    past = [each for each in matching if each.due_at <= now]
    return past[-1] if past else next(iter(matching), None)


def _decided(connection: Connection, found: Definition, candidate: Candidate | None, day: date | None) -> dict[str, Any] | None:
    """The ledger's row: of that moment, or of that trade date by an earlier version of it."""
    row = firings.find(connection, "schedule", found.name, clock.iso(candidate.due_at)) if candidate else None
    return row or _of_day(connection, "schedule", found.name, day)


def _of_day(connection: Connection, kind: str, name: str, day: date | None) -> dict[str, Any] | None:
    own = firing_rows.c
    query = select(firing_rows).where(own.kind == kind, own.name == name)
    if day is not None:
        begin = datetime.combine(day, time(0), UTC) - _BACK
        query = query.where(own.trade_date == day, own.due_at >= begin)
    row: RowMapping | None = connection.execute(query.order_by(own.due_at.desc(), own.seq.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def _outcome(row: Mapping[str, Any]) -> str:
    because = f" ({row['reason']}): {row['detail']}" if row["reason"] else ""
    what = {"fired": f"fired run {row['run_id']}", "held": "is held", "failed": "failed to fire", "missed": "missed its moment"}
    return f"{what.get(row['outcome'], 'was skipped')} at {clock.iso(row['due_at'])}{because}"


def _awaited(when: Mapping[str, Any], missing: Sequence[str], day: date | None) -> str:
    if "jobs" in when:
        together = " and " if when.get("match", "all") == "all" else " or "
        ended = {"succeeded": "", "failed": " to fail", "cancelled": " to be cancelled"}[when.get("status", "succeeded")]
        return together.join(missing or when["jobs"]) + (f" of {day}" if day else "") + ended
    if "event" in when:
        return f"the event {when['event']!r}"
    if "file" in when:
        return f"a file that matches {when['file']['glob']!r}"
    ready = when["vendor_ready"]
    return f"the vendor's {ready['dataset']}, from {ready['from']} until {ready['until']}"
