"""Joins: which upstreams of a trigger have come, for each trade date. Whoever ends one of them locks the join's row first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app import clock
from app.definitions.moment import parse_moment
from app.errors import NotFound
from app.store import calendars, definitions
from app.store.changes import TIMES
from app.store.database import touch
from app.store.tables import joins


@dataclass(frozen=True)
class Arrival:
    """A round of a join: which upstream jobs have come, by which runs."""

    day: str
    round: int
    runs: Mapping[str, str]
    again: bool = False
    """Whether the trigger has fired for that trade date before."""

    @property
    def key(self) -> str:
        """The ledger's."""
        return f"join {self.day} {self.round}" if self.day else f"join {self.round}"


@dataclass(frozen=True)
class Due:
    """A round whose deadline has come."""

    trigger: str
    arrival: Arrival
    deadline_at: datetime
    trade_date: date | None = field(default=None)


def arrive(connection: Connection, trigger: str, upstream: RowMapping, deadline_at: datetime | None) -> Arrival:
    """Note the run in the open round of its trade date, or in a new one.

    On a new round of a trade date the others count as they came before: what is repaired joins what was there. Runs without a
    trade date have nothing to be told apart by: each round takes one of each job.
    """
    day = upstream["trade_date"].isoformat() if upstream["trade_date"] else ""
    # One that has passed already, as of a trade date that is filled in later, promises nothing any more.
    ahead = deadline_at if deadline_at is not None and deadline_at > clock.now() else None
    current = _locked(connection, trigger, day, ahead)
    number, before = current["round"], dict(current["arrived"])
    if current["closed_at"] is not None:
        number, before = number + 1, before if day else {}
        _open(connection, trigger, day, number, None)
    arrived = {**before, upstream["job"]: upstream["id"]}
    connection.execute(update(joins).where(_is(trigger, day, number)).values(arrived=arrived))
    return Arrival(day, number, arrived, again=bool(day) and number > 1)


def close(connection: Connection, trigger: str, arrival: Arrival) -> None:
    """The round is over: it has fired, or its deadline has come."""
    connection.execute(update(joins).where(_is(trigger, arrival.day, arrival.round)).values(closed_at=clock.now()))


def due(connection: Connection, now: datetime, limit: int) -> Sequence[Due]:
    """Open rounds whose deadline has come, kept from others until the commit: in the order in which endings lock them."""
    query = select(joins).where(joins.c.closed_at.is_(None), joins.c.deadline_at <= now)
    found = []
    for row in connection.execute(query.order_by(joins.c.trigger, joins.c.key).limit(limit)).mappings().all():
        # The last arrival may have been first.
        now_there = _newest(connection, row["trigger"], row["key"])
        if now_there["round"] == row["round"] and now_there["closed_at"] is None:
            day = date.fromisoformat(row["key"]) if row["key"] else None
            arrival = Arrival(row["key"], row["round"], now_there["arrived"])
            found.append(Due(row["trigger"], arrival, row["deadline_at"], day))
    return found


def next_deadline(connection: Connection) -> datetime | None:
    """When the next open round has to be looked at."""
    return connection.execute(select(func.min(joins.c.deadline_at)).where(joins.c.closed_at.is_(None))).scalar()


def deadline(connection: Connection, document: Mapping[str, Any], day: date | None) -> datetime | None:
    """When a join of that trade date is late, by its trigger's document; None without a deadline or a trade date."""
    text = document["when"].get("deadline")
    moment = parse_moment(text) if text else None
    if moment is None or day is None:
        return None
    if moment.at is not None:
        return datetime.combine(day, moment.at, ZoneInfo(document["when"].get("timezone", "Asia/Shanghai")))
    job = definitions.find(connection, "job", document["job"])
    name = job.document.get("calendar") if job else None
    try:
        calendar = calendars.load(connection, name) if name else None
    except NotFound:
        return None
    sessions = calendar.sessions_as_usual(day) if calendar else ()
    found = [anchor for session in sessions if (anchor := session.anchor(moment.anchor or "")) is not None]
    return max(found) + moment.offset if found else None


def _locked(connection: Connection, trigger: str, day: str, deadline_at: datetime | None) -> RowMapping:
    """The newest round, locked: two upstreams that end together would each miss the other."""
    _open(connection, trigger, day, 1, deadline_at)
    return _newest(connection, trigger, day)


def _newest(connection: Connection, trigger: str, day: str) -> RowMapping:
    """The newest round, behind the lock of the first: it is that of all of them."""
    rounds = select(joins).where(joins.c.trigger == trigger, joins.c.key == day).order_by(joins.c.round.desc())
    connection.execute(select(joins.c.round).where(_is(trigger, day, 1)).with_for_update())
    return connection.execute(rounds.limit(1)).mappings().one()


def _open(connection: Connection, trigger: str, day: str, number: int, deadline_at: datetime | None) -> None:
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"trigger": trigger, "key": day, "round": number, "arrived": {}, "opened_at": clock.now(), "deadline_at": deadline_at}
    connection.execute(insert(joins).values(row).on_conflict_do_nothing())
    if deadline_at is not None:
        touch(connection, TIMES)


def _is(trigger: str, day: str, number: int) -> ColumnElement[bool]:
    return and_(joins.c.trigger == trigger, joins.c.key == day, joins.c.round == number)
