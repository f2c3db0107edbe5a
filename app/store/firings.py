"""The ledger: one row for every moment at which a schedule or a trigger could have fired, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app import clock
from app.errors import Conflict
from app.store.changes import FIRINGS
from app.store.columns import Instant
from app.store.database import touch
from app.store.prepared import Prepared
from app.store.tables import firings

Outcome = Literal["fired", "skipped", "missed", "held", "failed"]


@dataclass(frozen=True)
class Firing:
    """One evaluation. `key` tells it from all others of the same schedule or trigger."""

    kind: Literal["schedule", "trigger"]
    name: str
    version: int
    key: str
    due_at: datetime
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    trade_date: date | None = None
    run_id: str | None = None
    times: int = 1


def changed(firing: Firing, outcome: Outcome, reason: str, detail: str) -> Firing:
    """The firing with that outcome, and why."""
    return replace(firing, outcome=outcome, reason=reason, detail=detail)


def note(connection: Connection, found: Iterable[Firing]) -> None:
    """Write them down. What was held is decided by the newer word; what was decided stays, whoever says it again."""
    now = clock.now()
    rows = [{**vars(firing), "decided_at": now, "present": now} for firing in found]
    if not rows:
        return
    _upsert(connection.dialect.name).run(connection, rows)
    for row in rows:
        if row["outcome"] == "fired":
            _must_name(connection, row)
    touch(connection, FIRINGS)


def _must_name(connection: Connection, row: Mapping[str, Any]) -> None:
    """A run that no firing names must not be made: another was first, and this transaction is undone. Raises Conflict."""
    stands = _NAMED.first(connection, {"of_kind": row["kind"], "named": row["name"], "under": row["key"]})
    if stands is None or stands["run_id"] != row["run_id"]:
        raise Conflict(f"The {row['kind']} {row['name']!r} has fired for {row['key']!r} already.")


_NAMED = Prepared(
    select(firings.c.run_id).where(
        firings.c.kind == bindparam("of_kind"), firings.c.name == bindparam("named"), firings.c.key == bindparam("under")
    )
)


@cache
def _upsert(dialect: str) -> Prepared:
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    names = [column.name for column in firings.c if column.name != "seq"]
    statement = insert(firings).values({name: bindparam(name, type_=firings.c[name].type) for name in names})
    newer = {name: statement.excluded[name] for name in names if name not in ("kind", "name", "key")}
    ahead = firings.c.decided_at > bindparam("present", type_=Instant)
    undecided = and_(firings.c.outcome != "fired", (firings.c.outcome == "held") | ahead)
    return Prepared(statement.on_conflict_do_update(index_elements=["kind", "name", "key"], set_=newer, where=undecided))


_SETTLED = (firings.c.outcome == "fired") | (
    (firings.c.outcome != "held") & (firings.c.decided_at <= bindparam("present", type_=Instant))
)
_DECIDED = Prepared(
    select(firings.c.key).where(
        firings.c.kind == bindparam("of_kind"),
        firings.c.name == bindparam("named"),
        firings.c.due_at > bindparam("after", type_=Instant),
        firings.c.due_at <= bindparam("until", type_=Instant),
        _SETTLED,
    )
)


def decided(connection: Connection, kind: str, name: str, after: datetime, until: datetime) -> set[str]:
    """The keys in that window that need no decision any more.

    What was left out by a clock that ran ahead of now is decided anew when its time really comes; what fired has fired.
    """
    window = {"of_kind": kind, "named": name, "after": after, "until": until, "present": clock.now()}
    return {row["key"] for row in _DECIDED.all(connection, window)}


def fired_ahead(connection: Connection, kind: str, name: str, now: datetime) -> dict[datetime, str]:
    """What fired for moments that are still to come, because the clock was set back since: when due, and its run."""
    own = (firings.c.kind == kind, firings.c.name == name, firings.c.due_at > now, firings.c.outcome == "fired")
    return {row.due_at: row.run_id for row in connection.execute(select(firings.c.due_at, firings.c.run_id).where(*own))}


def held_until(connection: Connection, kind: str, name: str, day: date, newest: int) -> dict[str, datetime]:
    """What is held for days up to that one, the newest so many: its key and when it was due."""
    held = select(firings.c.key, firings.c.due_at).where(_held(kind, name, day)).order_by(firings.c.due_at.desc())
    return {row.key: row.due_at for row in connection.execute(held.limit(newest))}


def give_up(connection: Connection, kind: str, name: str, day: date, before: datetime, detail: str, at_most: int) -> int:
    """Miss what is held for days up to that one and was due before that instant, at most so many at once; how many."""
    oldest = select(firings.c.seq).where(_held(kind, name, day), firings.c.due_at < before).order_by(firings.c.due_at)
    missed = {"outcome": "missed", "reason": "late", "detail": detail, "decided_at": clock.now()}
    return connection.execute(update(firings).where(firings.c.seq.in_(oldest.limit(at_most))).values(missed)).rowcount


def _held(kind: str, name: str, day: date) -> ColumnElement[bool]:
    return and_(*_of(kind, name), firings.c.outcome == "held", firings.c.trade_date <= day)


def find(connection: Connection, kind: str, name: str, key: str) -> dict[str, Any] | None:
    """The row of that key."""
    row = connection.execute(select(firings).where(*_of(kind, name), firings.c.key == key)).mappings().first()
    return dict(row) if row else None


def page(
    connection: Connection,
    kind: str | None = None,
    name: str | None = None,
    *,
    before: int | None = None,
    limit: int = 100,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[dict[str, Any]]:
    """Rows older than the number `before`, the latest written first."""
    wanted: list[ColumnElement[bool]] = []
    if kind is not None:
        wanted.append(firings.c.kind == kind)
    if name is not None:
        wanted.append(firings.c.name == name)
    if before is not None:
        wanted.append(firings.c.seq < before)
    if outcome is not None:
        wanted.append(firings.c.outcome == outcome)
    if since is not None:
        wanted.append(firings.c.due_at >= since)
    if until is not None:
        wanted.append(firings.c.due_at <= until)
    query = select(firings).where(*wanted).order_by(firings.c.seq.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _of(kind: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (firings.c.kind == kind, firings.c.name == name)
