"""What became of each trade date that a deadline speaks of: rows that exist because the calendar says so, run or no run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app import clock
from app.store import transitions
from app.store.prepared import Prepared
from app.store.status import RunStatus
from app.store.tables import dataset_versions, promises, runs, snapshots

Outcome = Literal["open", "met", "late", "missing", "excused", "held"]
WARNED: tuple[Outcome, ...] = ("late", "missing")
UNDECIDED = ("open", "held")


@dataclass(frozen=True)
class Kept:
    """The first thing that kept a promise, and when."""

    at: datetime
    run_id: str | None


@dataclass(frozen=True)
class Promised:
    """A trade date of a deadline, and what became of it."""

    deadline: str
    trade_date: date
    version: int
    due_at: datetime
    outcome: Outcome
    met_at: datetime | None = None
    run_id: str | None = None
    detail: str | None = None

    def decided(self, kept: Kept | None, otherwise: Outcome = "missing", detail: str | None = None) -> "Promised":
        """The same with its outcome: met or late by what kept it, otherwise what is said."""
        if kept is None:
            return Promised(self.deadline, self.trade_date, self.version, self.due_at, otherwise, detail=detail)
        late = kept.at - self.due_at
        said = f"late by {_long(late.total_seconds())}" if late.total_seconds() > 0 else None
        outcome: Outcome = "late" if said else "met"
        return Promised(self.deadline, self.trade_date, self.version, self.due_at, outcome, kept.at, kept.run_id, said)


def note(connection: Connection, found: Promised, job: str, *, at: datetime | None = None) -> bool:
    """Write it down; whether that says anything new.

    What kept a promise stands over everything but what kept it earlier; any other word only over what was undecided.
    """
    before = one(connection, found.deadline, found.trade_date)
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {**vars(found), "decided_at": at or clock.now()}
    statement = insert(promises).values(row)
    newer = {name: statement.excluded[name] for name in row if name not in ("deadline", "trade_date")}
    may: ColumnElement[bool] = promises.c.outcome.in_(UNDECIDED)
    if found.met_at is not None:
        may = or_(promises.c.met_at.is_(None), promises.c.met_at > found.met_at)
    upsert = statement.on_conflict_do_update(index_elements=["deadline", "trade_date"], set_=newer, where=may)
    written = connection.execute(upsert.returning(promises.c.outcome)).first() is not None
    changed = written and (before is None or before["outcome"] != found.outcome)
    warned = before is not None and (before["outcome"] == "missing" or bool(before["predicted_late"]))
    if changed and (found.outcome in WARNED or (found.outcome == "met" and warned)):
        say(connection, found.deadline, job, found.trade_date, found.outcome, before["outcome"] if before else None)
    return changed


def say(connection: Connection, deadline: str, job: str, day: date, status: str, before: str | None = None) -> None:
    """A transition, so that streams and whoever is to be told hear of it; `reason` is the trade date."""
    row = {"subject": "deadline", "name": deadline, "job": job, "to_status": status, "from_status": before}
    transitions.add(connection, [{**row, "reason": day.isoformat()}])


def one(connection: Connection, deadline: str, day: date) -> RowMapping | None:
    """The row of that trade date."""
    query = select(promises).where(promises.c.deadline == deadline, promises.c.trade_date == day)
    return connection.execute(query).mappings().first()


def page(connection: Connection, deadline: str, *, before: date | None = None, limit: int = 100) -> Sequence[RowMapping]:
    """The rows of trade dates before that one, the newest first."""
    query = select(promises).where(promises.c.deadline == deadline)
    if before is not None:
        query = query.where(promises.c.trade_date < before)
    return connection.execute(query.order_by(promises.c.trade_date.desc()).limit(limit)).mappings().all()


def newest(connection: Connection, deadlines: Collection[str]) -> dict[str, RowMapping]:
    """The newest row of each of them, if it has one."""
    found = {}
    for name in deadlines:
        if rows := page(connection, name, limit=1):
            found[name] = rows[0]
    return found


def undecided(connection: Connection, deadline: str) -> Sequence[RowMapping]:
    """What is open or held of it, the earliest due first."""
    query = select(promises).where(promises.c.deadline == deadline, promises.c.outcome.in_(UNDECIDED))
    return connection.execute(query.order_by(promises.c.due_at)).mappings().all()


def all_open(connection: Connection, due_after: datetime) -> Sequence[RowMapping]:
    """What is open of all deadlines and not due yet."""
    query = select(promises).where(promises.c.outcome == "open", promises.c.due_at > due_after)
    return connection.execute(query.order_by(promises.c.due_at)).mappings().all()


def move(connection: Connection, row: RowMapping, due_at: datetime, version: int) -> None:
    """An undecided one has another due instant by its calendar and document of now."""
    values = {"due_at": due_at, "version": version, "outcome": "open", "detail": None, "decided_at": clock.now()}
    connection.execute(update(promises).where(_is(row), promises.c.outcome.in_(UNDECIDED)).values(values))


def reopen(connection: Connection, deadline: str, due_after: datetime) -> None:
    """A clock that ran ahead was set back: what it decided before its time is open again, unless it was kept."""
    ahead = and_(promises.c.deadline == deadline, promises.c.due_at > due_after, promises.c.met_at.is_(None))
    connection.execute(update(promises).where(ahead).values(outcome="open", detail=None))


def late_since(connection: Connection, deadline: str, since: datetime) -> Sequence[RowMapping]:
    """What was found late behind that instant."""
    query = select(promises).where(promises.c.deadline == deadline, promises.c.outcome == "late", promises.c.decided_at > since)
    return connection.execute(query.order_by(promises.c.trade_date)).mappings().all()


def missing(connection: Connection, deadline: str, limit: int) -> Sequence[RowMapping]:
    """The newest ones that are missing, of those that were promised lately."""
    return [row for row in page(connection, deadline, limit=limit) if row["outcome"] == "missing"]


_SUCCEEDED = Prepared(
    select(runs.c.id, runs.c.finished_at).where(
        runs.c.job == bindparam("of_job"),
        runs.c.trade_date == bindparam("day", type_=runs.c.trade_date.type),
        runs.c.status == RunStatus.succeeded.value,
    )
)


def kept(connection: Connection, document: Any, day: date) -> Kept | None:
    """What kept the promise of that trade date first: a run of the job, or the publication of the dataset up to it."""
    if dataset := document.get("dataset"):
        return _published(connection, dataset, day)
    rows = _SUCCEEDED.all(connection, {"of_job": document["job"], "day": day})
    first = min(rows, key=lambda row: row["finished_at"], default=None)
    return Kept(first["finished_at"], first["id"]) if first else None


def _published(connection: Connection, dataset: str, day: date) -> Kept | None:
    versions = dataset_versions.c
    query = (
        select(snapshots.c.published_at, snapshots.c.run_id)
        .join(dataset_versions, versions.snapshot == snapshots.c.snapshot)
        .where(versions.dataset == dataset, versions.max_date >= day)
        .order_by(versions.version)
    )
    row = connection.execute(query.limit(1)).first()
    return Kept(row.published_at, row.run_id) if row else None


def _is(row: RowMapping) -> ColumnElement[bool]:
    return and_(promises.c.deadline == row["deadline"], promises.c.trade_date == row["trade_date"])


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    whole = int(seconds)
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"
