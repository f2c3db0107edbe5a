"""Deadlines as rows: every promise is decided when its moment comes, and when a run keeps it, whichever process is first."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, func, select, update

from app.definitions.promises import Promise, Promises
from app.errors import NotFound
from app.store import calendars, definitions, promises
from app.store.changes import TIMES
from app.store.database import touch
from app.store.definitions import Definition
from app.store.prepared import Prepared
from app.store.promises import Kept, Promised
from app.store.tables import definitions as rows
from app.store.tables import runs

LONGEST = timedelta(days=400)
"""How far an outage is gone over."""

LATELY = 20
"""Promises in which what is missing may still come late."""

_LOOK_AGAIN = timedelta(seconds=10)
_AHEAD = timedelta(days=20)

_WATCHING = Prepared(
    select(rows.c.name)
    .where(rows.c.kind == "deadline", rows.c.uses == bindparam("of_job"), rows.c.deleted_at.is_(None))
    .order_by(rows.c.name)
)
_RUN = Prepared(select(runs.c.trade_date, runs.c.finished_at).where(runs.c.id == bindparam("run")))


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """The deadlines that have to be looked at, the longest due first."""
    query = select(rows.c.name).where(rows.c.kind == "deadline", rows.c.next_at <= now, rows.c.deleted_at.is_(None))
    return connection.execute(query.order_by(rows.c.next_at).limit(limit)).scalars().all()


def next_at(connection: Connection) -> datetime | None:
    """When the next one has to be looked at."""
    return connection.execute(select(func.min(rows.c.next_at)).where(rows.c.kind == "deadline")).scalar()


def set_back(connection: Connection, now: datetime) -> None:
    """The clock was set back: what was decided ahead of it is looked at now."""
    ahead = and_(rows.c.kind == "deadline", rows.c.planned_until > now, rows.c.deleted_at.is_(None))
    connection.execute(update(rows).where(ahead).values(next_at=now))


def begin(connection: Connection, name: str, now: datetime) -> None:
    """Plan a new version of it: from now on. A moment that is behind breaks no promise by an edit."""
    definition = definitions.get(connection, "deadline", name)
    connection.execute(update(rows).where(_is(name)).values(planned_until=now))
    try:
        terms = table(connection, definition.document)
    except NotFound:
        _look_again(connection, name, now)
        return
    _settle(connection, definition, terms, now, now)
    _plan(connection, definition, terms, now)


def end(connection: Connection, name: str, now: datetime) -> None:
    """It is deleted: what it still promised binds nobody."""
    connection.execute(update(rows).where(_is(name)).values(next_at=None))
    for row in promises.undecided(connection, name):
        promises.note(connection, _of(row).decided(None, "excused", "the deadline was deleted"), "")


def evaluate(connection: Connection, name: str, now: datetime) -> list[Promised]:
    """Decide all its promises whose moment has come; answers those and what has become late since the last look.

    The definition's row is locked for it: of any number of processes one decides, and the others find it done.
    """
    locked = select(rows.c.planned_until).where(_is(name), rows.c.deleted_at.is_(None)).with_for_update()
    row = connection.execute(locked).first()
    definition = definitions.find(connection, "deadline", name)
    if row is None or definition is None:
        return []
    try:
        terms = table(connection, definition.document)
    except NotFound:
        _look_again(connection, name, now)
        return []
    since = row.planned_until or now
    if since > now:
        promises.reopen(connection, name, now)
        since = now
    late = [_of(found) for found in promises.late_since(connection, name, since)]
    decided = _settle(connection, definition, terms, since, now)
    for promise in terms.between(max(since, now - LONGEST), now):
        decided += _decide(connection, definition, promise, now)
    decided += overtaken(connection, definition, now)
    _plan(connection, definition, terms, now)
    return late + decided


def run_succeeded(connection: Connection, run_id: str, job: str) -> None:
    """A run of the job has just succeeded: what was promised for its trade date is met, or late and by how much."""
    names = [row["name"] for row in _WATCHING.all(connection, {"of_job": job})]
    run = _RUN.first(connection, {"run": run_id}) if names else None
    if run is None or run["trade_date"] is None:
        return
    for name in names:
        definition = definitions.find(connection, "deadline", name)
        if definition is not None and "dataset" not in definition.document:
            _kept(connection, definition, run["trade_date"], Kept(run["finished_at"], run_id))


def overtaken(connection: Connection, definition: Definition, now: datetime) -> list[Promised]:
    """What was missing and has been kept by now by something that tells nobody: a publication of any run."""
    if "dataset" not in definition.document:
        return []
    found = []
    for row in promises.missing(connection, definition.name, LATELY):
        kept = promises.kept(connection, definition.document, row["trade_date"])
        promise = _of(row).decided(kept)
        if kept is not None and promises.note(connection, promise, definition.document["job"], at=now):
            found.append(promise)
    return found


def table(connection: Connection, document: Mapping[str, Any]) -> Promises:
    """Its promises, counted by its calendar, or by its job's. Raises NotFound while there is none."""
    return Promises(document, calendars.load(connection, calendar_of(connection, document)))


def calendar_of(connection: Connection, document: Mapping[str, Any]) -> str:
    """The calendar's name. Raises NotFound when the job has lost its own since."""
    name = document.get("calendar") or definitions.get(connection, "job", document["job"]).document.get("calendar")
    if name is None:
        raise NotFound(
            f"The job {document['job']!r} has no calendar any more.", hint='Give the deadline one: "calendar": "XSHG".'
        )
    return str(name)


def _kept(connection: Connection, definition: Definition, day: date, kept: Kept) -> None:
    found = _awaited(connection, definition, day)
    if found is None or found.outcome == "excused":
        return
    decided = found.decided(kept)
    if decided.outcome == "late":
        # First the definition, then the promise: in this order everybody locks. Who looks at it says it in the log.
        connection.execute(update(rows).where(_is(definition.name)).values(next_at=kept.at))
        touch(connection, TIMES)
    promises.note(connection, decided, definition.document["job"])


def _awaited(connection: Connection, definition: Definition, day: date) -> Promised | None:
    """What is promised for that day; None for a day from before the deadline was made."""
    # In this order: whoever decides it in between has written its row by then.
    until: datetime | None = connection.execute(select(rows.c.planned_until).where(_is(definition.name))).scalar()
    if (row := promises.one(connection, definition.name, day)) is not None:
        return _of(row)
    try:
        promise = table(connection, definition.document).of(day)
    except NotFound:
        return None
    # Of all that had come by the last look there are rows.
    return _promised(definition, promise) if promise is not None and (until is None or promise.due_at > until) else None


def _settle(connection: Connection, definition: Definition, terms: Promises, since: datetime, now: datetime) -> list[Promised]:
    """Bring what is open or held up to what calendar and document say now, and open what has begun."""
    decided = []
    for row in promises.undecided(connection, definition.name):
        promise = terms.of(row["trade_date"])
        if promise is None:
            detail = f"by its calendar and document of now {row['trade_date']} has no such moment"
            promises.note(connection, _of(row).decided(None, "excused", detail), definition.document["job"])
        elif row["outcome"] == "held" and promise.known and promise.due_at <= now:
            decided += _decide(connection, definition, promise, now)
        elif promise.due_at != row["due_at"] and row["outcome"] == "open":
            if promise.due_at > since:
                promises.move(connection, row, promise.due_at, definition.version)
            else:
                detail = "its moment was moved to one that had passed"
                promises.note(connection, _of(row).decided(None, "excused", detail), definition.document["job"])
    for promise in _begun(terms, now):
        if promises.one(connection, definition.name, promise.trade_date) is None:
            kept = promises.kept(connection, definition.document, promise.trade_date)
            promises.note(connection, _promised(definition, promise).decided(kept, "open"), definition.document["job"])
    return decided


def _begun(terms: Promises, now: datetime) -> list[Promise]:
    ahead = terms.between(now, now + _AHEAD)
    return [promise for promise in ahead if promise.known and terms.opens_at(promise.trade_date) <= now]


def _decide(connection: Connection, definition: Definition, promise: Promise, now: datetime) -> list[Promised]:
    blank = _promised(definition, promise)
    if not promise.known:
        known_until = calendars.load(connection, calendar_of(connection, definition.document)).known_until
        detail = f"whether {promise.trade_date} is a session, or the one after it, is not known: the calendar ends {known_until}"
        found = blank.decided(None, "held", detail)
    else:
        kept = promises.kept(connection, definition.document, promise.trade_date)
        paused = definition.paused_at is not None and definition.paused_at <= promise.due_at
        if kept is None and paused:
            found = blank.decided(None, "excused", f"the deadline {definition.name!r} is paused")
        else:
            found = blank.decided(kept, "missing", _lacking(definition.document, promise.trade_date))
    return [found] if promises.note(connection, found, definition.document["job"], at=now) else []


def _lacking(document: Mapping[str, Any], day: date) -> str:
    if dataset := document.get("dataset"):
        return f"{dataset} is not published up to {day}"
    return f"no run of {document['job']!r} has succeeded for {day}"


def _plan(connection: Connection, definition: Definition, terms: Promises, now: datetime) -> None:
    """When it has to be looked at next: when a promise comes due, and when the session of one begins."""
    ahead = terms.between(now, now + _AHEAD)
    moments = [at for each in ahead for at in (each.due_at, terms.opens_at(each.trade_date)) if at > now]
    following = min(moments, default=now + _AHEAD)
    connection.execute(update(rows).where(_is(definition.name)).values(planned_until=now, next_at=following))
    touch(connection, TIMES)


def _look_again(connection: Connection, name: str, now: datetime) -> None:
    connection.execute(update(rows).where(_is(name)).values(next_at=now + _LOOK_AGAIN))
    touch(connection, TIMES)


def _promised(definition: Definition, promise: Promise) -> Promised:
    return Promised(definition.name, promise.trade_date, definition.version, promise.due_at, "open")


def _of(row: RowMapping) -> Promised:
    return Promised(**{name: row[name] for name in Promised.__dataclass_fields__})


def _is(name: str) -> ColumnElement[bool]:
    return and_(rows.c.kind == "deadline", rows.c.name == name)
