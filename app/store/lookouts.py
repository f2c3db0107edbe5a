"""Triggers that have to look for what they wait for: files, and a vendor's data. Whose turn it is to look stands in a row."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from app.store import definitions
from app.store.changes import TIMES
from app.store.database import touch
from app.store.definitions import Definition
from app.store.tables import definitions as rows


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """The triggers that have to look, the longest due first."""
    waiting = select(rows.c.name).where(rows.c.kind == "trigger", rows.c.next_at <= now, rows.c.deleted_at.is_(None))
    return connection.execute(waiting.order_by(rows.c.next_at).limit(limit)).scalars().all()


def names(connection: Connection) -> set[str]:
    """All that have to look, now or later."""
    looking = select(rows.c.name).where(rows.c.kind == "trigger", rows.c.next_at.is_not(None), rows.c.deleted_at.is_(None))
    return set(connection.execute(looking).scalars())


def set_back(connection: Connection, now: datetime) -> None:
    """The clock was set back: what was planned or decided ahead of it is looked at now, and again when its time comes."""
    waiting = and_(rows.c.kind == "trigger", rows.c.deleted_at.is_(None))
    connection.execute(update(rows).where(waiting, rows.c.next_at > now).values(next_at=now))
    connection.execute(update(rows).where(waiting, rows.c.planned_until > now).values(planned_until=now))
    touch(connection, TIMES)


def next_at(connection: Connection) -> datetime | None:
    """When the next one has to look."""
    return connection.execute(select(func.min(rows.c.next_at)).where(rows.c.kind == "trigger")).scalar()


def take_turn(connection: Connection, name: str, now: datetime, until: datetime) -> Definition | None:
    """Whoever gets the trigger looks, and no other before that instant; None when another was first."""
    mine = and_(_is(name), rows.c.next_at <= now, rows.c.deleted_at.is_(None))
    if not connection.execute(update(rows).where(mine).values(next_at=until)).rowcount:
        return None
    return definitions.find(connection, "trigger", name)


def look_at(connection: Connection, name: str, at: datetime | None) -> None:
    """When it has to look next; None for never."""
    connection.execute(update(rows).where(_is(name)).values(next_at=at))
    touch(connection, TIMES)


def begin(connection: Connection, name: str, now: datetime) -> None:
    """A trigger that has to look: from now on."""
    connection.execute(update(rows).where(_is(name)).values(planned_until=now))
    look_at(connection, name, now)


def waits_since(connection: Connection, trigger: Definition) -> datetime:
    """Since when it has waited for just this: an edit of anything else does not begin anew.

    One that was made by a clock that ran ahead has waited since that clock was set back.
    """
    since = trigger.created_at
    for version in definitions.history(connection, "trigger", trigger.name):
        if version.document["when"] != trigger.document["when"]:
            break
        since = version.created_at
    return min(since, looked_until(connection, trigger.name) or since)


def looked_until(connection: Connection, name: str) -> datetime | None:
    """Up to when everything it waited for is decided."""
    return connection.execute(select(rows.c.planned_until).where(_is(name))).scalar()


def settle(connection: Connection, name: str, until: datetime) -> None:
    """Everything up to that instant is decided."""
    connection.execute(update(rows).where(_is(name)).values(planned_until=until))


def _is(name: str) -> ColumnElement[bool]:
    return and_(rows.c.kind == "trigger", rows.c.name == name)
