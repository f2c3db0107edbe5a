"""Which open promises will be late, by how comparable days went: read for all of them together, written where it changed."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from app.definitions.foresight import Foresight, PastDay, foresee
from app.definitions.promises import Promises
from app.errors import NotFound
from app.store import deadlines, definitions, promises
from app.store.definitions import Definition
from app.store.prepared import Prepared
from app.store.status import RunStatus
from app.store.tables import promises as promise_rows
from app.store.tables import runs

COMPARED = 20
"""Trade dates that are compared with."""

_MOVED = timedelta(seconds=60)

Key = tuple[str, int, date]
"""A deadline, its version, and the trade date."""

_WORKING = Prepared(
    select(runs.c.started_at).where(
        runs.c.job == bindparam("of_job"),
        runs.c.trade_date == bindparam("day", type_=runs.c.trade_date.type),
        runs.c.status == RunStatus.running.value,
    )
)


class Foreseen(NamedTuple):
    """What is foreseen of an open promise, where that differs from what was."""

    deadline: str
    job: str
    trade_date: date
    foresight: Foresight


def look(connection: Connection, now: datetime, known: dict[Key, list[PastDay]]) -> list[Foreseen]:
    """What has to be written. `known` keeps the days that are compared with, which do not change: it is the caller's."""
    rows = promises.all_open(connection, now)
    found = [foreseen for row in rows if (foreseen := _one(connection, row, now, known)) is not None]
    still = {(row["deadline"], row["version"], row["trade_date"]) for row in rows}
    for key in known.keys() - still:
        del known[key]
    return found


def write(connection: Connection, found: Sequence[Foreseen]) -> list[Foreseen]:
    """Write it down; answers what is foreseen to be late and was not before, whichever process comes first."""
    warned = []
    for one in found:
        own = promise_rows.c
        mine = (own.deadline == one.deadline, own.trade_date == one.trade_date, own.outcome == "open")
        values = {"predicted_at": one.foresight.at, "prediction": one.foresight.sentence}
        connection.execute(update(promise_rows).where(*mine).values(values))
        turned = own.predicted_late.is_distinct_from(one.foresight.late)
        changed = connection.execute(update(promise_rows).where(*mine, turned).values(predicted_late=one.foresight.late)).rowcount
        if changed and one.foresight.late:
            promises.say(connection, one.deadline, one.job, one.trade_date, "predicted_late", "open")
            warned.append(one)
    return warned


def _one(connection: Connection, row: RowMapping, now: datetime, known: dict[Key, list[PastDay]]) -> Foreseen | None:
    definition = definitions.find(connection, "deadline", row["deadline"])
    if definition is None or definition.paused_at is not None:
        return None
    try:
        terms = deadlines.table(connection, definition.document)
    except NotFound:
        return None
    key, day = (row["deadline"], row["version"], row["trade_date"]), row["trade_date"]
    if key not in known:
        known[key] = _past(connection, definition, terms, day)
    job = definition.document["job"]
    working = [each["started_at"] for each in _WORKING.all(connection, {"of_job": job, "day": day})]
    closes_at = terms.closes_at(day).astimezone(terms.calendar.zone)
    foresight = foresee(known[key], closes_at, row["due_at"], now, min(working, default=None))
    if foresight is None or not _differs(row, foresight):
        return None
    return Foreseen(row["deadline"], job, day, foresight)


def _differs(row: RowMapping, foresight: Foresight) -> bool:
    before: datetime | None = row["predicted_at"]
    return before is None or row["predicted_late"] != foresight.late or abs(foresight.at - before) >= _MOVED


def _past(connection: Connection, definition: Definition, terms: Promises, day: date) -> list[PastDay]:
    before = [each for each in terms.calendar.sessions if each < day][-COMPARED:]
    first: dict[date, Any] = {}
    for run in connection.execute(_comparable(definition, before)):
        if run.trade_date not in first or run.finished_at < first[run.trade_date].finished_at:
            first[run.trade_date] = run
    return [
        PastDay(run.finished_at - terms.closes_at(trade_date), run.finished_at - run.started_at)
        for trade_date, run in first.items()
    ]


def _comparable(definition: Definition, days: Sequence[date]) -> Any:
    """The runs that came first on those days. Of a dataset's deadline: those that published it, by the promises they kept."""
    query = select(runs.c.trade_date, runs.c.started_at, runs.c.finished_at)
    if "dataset" in definition.document:
        own, days_of = promise_rows.c, promise_rows.c.trade_date
        query = select(days_of, runs.c.started_at, own.met_at.label("finished_at")).join(runs, runs.c.id == own.run_id)
        return query.where(own.deadline == definition.name, days_of.in_(days), runs.c.started_at.is_not(None))
    # What a backfill fills in long after says nothing of a day's course.
    ordinary = (runs.c.status == RunStatus.succeeded, runs.c.cause_type != "backfill")
    return query.where(runs.c.job == definition.document["job"], runs.c.trade_date.in_(days), *ordinary)
