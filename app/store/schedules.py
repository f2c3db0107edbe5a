"""Schedules as rows: decides every moment that has come, each once, whichever process comes first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update

from app import clock
from app.definitions.timetable import Candidate, Timetable
from app.errors import NotFound
from app.store import calendars, definitions, firing, firings, freshness
from app.store.acceptance import Cause
from app.store.changes import TIMES
from app.store.columns import Instant
from app.store.database import touch
from app.store.definitions import Definition
from app.store.firing import Wish
from app.store.firings import Firing
from app.store.prepared import Prepared
from app.store.tables import definitions as rows

KEPT = 1000
"""Moments of one outage that get a row of their own; those before share one."""

CAUGHT_UP = 50
"""Runs that `catch_up: all` makes at most for one outage."""

PUNCTUAL = timedelta(seconds=60)
"""What comes later than this is late: `catch_up: skip` does not fire it."""

_LOOK_AGAIN = timedelta(seconds=10)
_GIVEN_UP = 5000
_PARTS, _COUNTED = 10, 20_000
_JUST_BEFORE = timedelta(microseconds=1)


_NAMED = and_(rows.c.kind == "schedule", rows.c.name == bindparam("named"))
_LOCKED = Prepared(select(rows.c.planned_until).where(_NAMED, rows.c.deleted_at.is_(None)).with_for_update())
_PLAN = Prepared(
    update(rows)
    .where(_NAMED)
    .values(planned_until=bindparam("until", type_=Instant), next_at=bindparam("following", type_=Instant))
)


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """The schedules that have to be looked at, the longest due first."""
    query = select(rows.c.name).where(rows.c.kind == "schedule", rows.c.next_at <= now, rows.c.deleted_at.is_(None))
    return connection.execute(query.order_by(rows.c.next_at).limit(limit)).scalars().all()


def set_back(connection: Connection, now: datetime) -> None:
    """The clock was set back: what was decided ahead of it is looked at now, and not only when its time comes a second time."""
    ahead = and_(rows.c.kind == "schedule", rows.c.planned_until > now, rows.c.deleted_at.is_(None))
    connection.execute(update(rows).where(ahead).values(next_at=now))


def next_at(connection: Connection) -> datetime | None:
    """When the next one has to be looked at."""
    return connection.execute(select(func.min(rows.c.next_at)).where(rows.c.kind == "schedule")).scalar()


def when(connection: Connection, name: str) -> datetime | None:
    """When this one has to be looked at next."""
    return connection.execute(select(rows.c.next_at).where(_is(name), rows.c.paused_at.is_(None))).scalar()


def next_fire(connection: Connection, job: str) -> datetime | None:
    """When a schedule of the job will fire next, as far as is known; those that are paused count for nothing."""
    using = select(rows.c.name).where(rows.c.kind == "schedule", rows.c.uses == job, rows.c.next_at.is_not(None))
    moments = []
    for name in connection.execute(using.where(rows.c.paused_at.is_(None), rows.c.deleted_at.is_(None))).scalars():
        try:
            moments.append(table(connection, definitions.get(connection, "schedule", name).document).next_fire(clock.now()))
        except NotFound:
            continue
    return min((at for at in moments if at is not None), default=None)


def begin(connection: Connection, name: str, now: datetime) -> None:
    """Plan a new version of it: from now on. What lies behind is never fired by an edit."""
    _plan(connection, definitions.get(connection, "schedule", name), now)


def end(connection: Connection, name: str) -> None:
    """It is deleted: nothing of it comes any more."""
    connection.execute(update(rows).where(_is(name)).values(next_at=None))


def put_off(connection: Connection, name: str, until: datetime) -> None:
    """It is looked at then, and not before."""
    connection.execute(update(rows).where(_is(name)).values(next_at=until))


def evaluate(connection: Connection, name: str, now: datetime) -> list[Firing]:
    """Decide all its moments up to now that are not decided yet; answers their rows, oldest first.

    The definition's row is locked for it: of any number of processes one decides, and the others find it done.
    """
    row = _LOCKED.first(connection, {"named": name})
    definition = definitions.find(connection, "schedule", name) if row else None
    if row is None or definition is None:
        return []
    try:
        timetable = table(connection, definition.document)
    except NotFound:
        # The calendar is not planted yet: nothing is decided before it is.
        connection.execute(update(rows).where(_is(name)).values(next_at=now + _LOOK_AGAIN))
        return []
    held = _known_by_now(connection, definition)
    if len(held) == KEPT and _give_up(connection, definition, min(held.values())):
        # There may be more of that than one transaction should do.
        connection.execute(update(rows).where(_is(name)).values(next_at=now))
        return []
    found, until = _decide(connection, definition, timetable, held, row["planned_until"] or now, now)
    firings.note(connection, found)
    _plan(connection, definition, until, timetable)
    return found


def finish(connection: Connection, name: str, now: datetime) -> None:
    """Decide all that has come, of one that is about to change or to go; what is too much for that shares a row."""
    for _ in range(_PARTS):
        evaluate(connection, name, now)
        row = _LOCKED.first(connection, {"named": name})
        if row is None or row["planned_until"] is None or row["planned_until"] >= now:
            return
    definition = definitions.get(connection, "schedule", name)
    row = _LOCKED.first(connection, {"named": name})
    candidates = list(islice(table(connection, definition.document).between(row["planned_until"], now), _COUNTED)) if row else []
    if candidates:
        firings.note(connection, [_together(definition, candidates)])


def table(connection: Connection, document: dict[str, Any]) -> Timetable:
    """Its moments. Raises NotFound while its calendar is not there."""
    name = document.get("calendar")
    return Timetable(document, calendars.load(connection, name) if name else None)


def _plan(connection: Connection, definition: Definition, now: datetime, timetable: Timetable | None = None) -> None:
    try:
        timetable = timetable or table(connection, definition.document)
        following = timetable.next_after(now)
    except NotFound:
        following = now + _LOOK_AGAIN
    _PLAN.run(connection, [{"named": definition.name, "until": now, "following": following}])
    touch(connection, TIMES)


def _decide(
    connection: Connection,
    definition: Definition,
    timetable: Timetable,
    held: Mapping[str, datetime],
    planned_until: datetime,
    now: datetime,
) -> tuple[list[Firing], datetime]:
    """The rows of what is undecided, and up to when that is everything."""
    # A clock that was set back: what was decided ahead of it stands in the ledger, and its time comes again.
    planned_until = min(planned_until, now)
    settled = firings.decided(connection, "schedule", definition.name, planned_until, now)
    ahead = (found for found in timetable.between(planned_until, now) if _key(found) not in settled)
    fresh = list(islice(ahead, 2 * KEPT))
    if len(fresh) == 2 * KEPT:
        # The lane is everybody's: a long outage is worked off in parts.
        return [_together(definition, fresh[:KEPT])], fresh[KEPT - 1].due_at
    again = _turned_out(connection, definition, timetable, held, planned_until)
    found = _decided(connection, definition, [*again, *fresh], held, now)
    return found + _never(definition, held, found), now


def _known_by_now(connection: Connection, definition: Definition) -> dict[str, datetime]:
    """What is held for a day of which its calendar says something by now: key and due instant, the newest ones."""
    until = _known_until(connection, definition)
    return firings.held_until(connection, "schedule", definition.name, until, KEPT) if until is not None else {}


def _known_until(connection: Connection, definition: Definition) -> date | None:
    name = definition.document.get("calendar")
    return calendars.load(connection, name).known_until if name is not None else None


def _give_up(connection: Connection, definition: Definition, before: datetime) -> int:
    """Of what is held and could be decided by now, the newest are enough to catch up: how many older ones are missed."""
    until = _known_until(connection, definition)
    detail = "was held until its calendar said more; of so many the newest are caught up"
    return firings.give_up(connection, "schedule", definition.name, until, before, detail, _GIVEN_UP) if until else 0


def _turned_out(
    connection: Connection, definition: Definition, timetable: Timetable, held: Mapping[str, datetime], planned_until: datetime
) -> Iterator[Candidate]:
    """The moments that were held, and those that were passed over when it was not known yet which session is the nth."""
    if not held:
        return
    begun = min(held.values()) - _JUST_BEFORE
    nth = isinstance(definition.document.get("day"), Mapping)
    settled = firings.decided(connection, "schedule", definition.name, begun, planned_until) if nth else set()
    for candidate in timetable.between(begun, planned_until):
        if _key(candidate) in held or (nth and _key(candidate) not in settled):
            yield candidate


def _together(definition: Definition, candidates: Sequence[Candidate]) -> Firing:
    """One row for the beginning of a long outage."""
    detail = f"the scheduler was not there: {len(candidates)} moments from here to {clock.iso(candidates[-1].due_at)}"
    return replace(_row(definition, candidates[0]), outcome="missed", reason="late", detail=detail, times=len(candidates))


def _decided(
    connection: Connection, definition: Definition, candidates: Sequence[Candidate], held: Mapping[str, datetime], now: datetime
) -> list[Firing]:
    chosen = _chosen(definition, candidates, now)
    return [
        _one(connection, definition, candidate, chosen=candidate.due_at in chosen, was_held=_key(candidate) in held)
        for candidate in candidates
    ]


def _chosen(definition: Definition, candidates: Iterable[Candidate], now: datetime) -> set[datetime]:
    """Which moments fire, of those that would: an outage is caught up as the schedule says."""
    would = [candidate.due_at for candidate in candidates if candidate.decision == "fire"]
    rule = definition.document.get("catch_up", "latest")
    if rule == "skip":
        return {due_at for due_at in would if now - due_at <= PUNCTUAL}
    return set(would[-CAUGHT_UP:] if rule == "all" else would[-1:])


def _one(connection: Connection, definition: Definition, candidate: Candidate, *, chosen: bool, was_held: bool) -> Firing:
    row = _row(definition, candidate)
    if candidate.decision == "skip":
        return replace(row, outcome="skipped", reason=candidate.reason, detail=candidate.detail)
    if definition.paused_at is not None and candidate.due_at >= definition.paused_at:
        return replace(row, outcome="skipped", reason="paused", detail=f"the schedule {definition.name!r} is paused")
    if candidate.decision == "hold":
        return replace(row, outcome="held", reason=candidate.reason, detail=candidate.detail)
    if not chosen:
        rule = definition.document.get("catch_up", "latest")
        why = "was held until its calendar said more" if was_held else "the scheduler was not there at that moment"
        detail = f"{why}; catch_up is {rule!r}"
        return replace(row, outcome="missed", reason="late", detail=detail, trade_date=candidate.trade_date)
    return _fire(connection, definition, candidate, row)


def _fire(connection: Connection, definition: Definition, candidate: Candidate, row: Firing) -> Firing:
    document = definition.document
    job, trade_date = document["job"], candidate.trade_date
    if document.get("trade_date") == "latest_published":
        trade_date, nothing = freshness.latest_published(connection, job)
        if nothing:
            return replace(row, outcome="skipped", reason="nothing_new", detail=nothing, trade_date=trade_date)
    if document.get("overlap", "skip") == "skip" and (busy := firing.open_run(connection, job, trade_date)):
        detail = f"run {busy} of {job!r} has not ended yet"
        return replace(row, outcome="skipped", reason="overlap", detail=detail, trade_date=trade_date)
    cause = Cause("schedule", definition.name)
    wish = Wish(job, document.get("params", {}), trade_date, cause, document.get("priority"))
    fired = firing.fire(connection, wish, row)
    return replace(fired, reason=fired.reason or candidate.reason, detail=fired.detail or candidate.detail or None)


def _never(definition: Definition, held: Mapping[str, datetime], found: Sequence[Firing]) -> list[Firing]:
    """What was held and is no moment of it any more, now that its calendar or its document says more."""
    detail = "by its calendar and document of now this is no moment of it"
    again = {firing.key for firing in found}
    return [
        replace(firing.of(definition, key, due_at), outcome="skipped", reason="no_moment", detail=detail)
        for key, due_at in held.items()
        if key not in again
    ]


def _row(definition: Definition, candidate: Candidate) -> Firing:
    held_day: date | None = candidate.day if candidate.decision == "hold" else candidate.trade_date
    return firing.of(definition, _key(candidate), candidate.due_at, held_day)


def _key(candidate: Candidate) -> str:
    return clock.iso(candidate.due_at)


def _is(name: str) -> ColumnElement[bool]:
    return and_(rows.c.kind == "schedule", rows.c.name == name)
