"""Releases: trade dates for which every dataset stands in one snapshot, and those that a quality gate stopped.

A row is written in the transaction that publishes the snapshot, or that ends the run which the gate stopped. None is ever
changed: a date that is repaired has several, and the newest says how it stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, insert, select
from uuid_utils import uuid7

from app import clock
from app.definitions.lake import Announcement, Release, SnapshotState
from app.store import events
from app.store.tables import releases, runs, snapshots

EVENT = "release"
"""The event that tells of one; a trigger may wait for it."""

ANNOUNCED = 20
"""How many dates of one publication are announced, the newest, beside its run's own: a history that is loaded is not news."""

READABLE = ("complete", "partial")
_LOOKED_AT = 10 * ANNOUNCED


def record(connection: Connection, run_id: str, state: SnapshotState, found: Iterable[Release]) -> None:
    """Write down what that snapshot releases, and announce it: one event for each date."""
    released = sorted(found, key=lambda release: release["trade_date"])
    if not released:
        return
    own = connection.execute(select(runs.c.trade_date).where(runs.c.id == run_id)).scalar()
    told = {release["trade_date"] for release in released[-ANNOUNCED:]} | ({own.isoformat()} if own else set())
    datasets = {name: {"version": known["version"], "rows": known["rows"]} for name, known in state["datasets"].items()}
    rows: list[dict[str, Any]] = []
    for release in released:
        coverage = release["coverage"]
        status = "partial" if coverage is not None and coverage < 1 else "complete"
        row = {"trade_date": date.fromisoformat(release["trade_date"]), "status": status, "coverage": coverage}
        rows.append({**row, "datasets": datasets if release["trade_date"] in told else None})
    write(connection, rows, snapshot=state["snapshot"], run_id=run_id)


def write(connection: Connection, rows: Sequence[Mapping[str, Any]], *, snapshot: int, run_id: str | None) -> None:
    """Insert rows of that snapshot; those that bear datasets are announced."""
    now = clock.now()
    blank = {"snapshot": snapshot, "run_id": run_id, "detail": None, "decided_at": now}
    connection.execute(insert(releases), [{**blank, **row} for row in rows])
    for row in rows:
        if row["datasets"] is not None:
            told = {"trade_date": row["trade_date"].isoformat(), "snapshot": snapshot, "status": row["status"]}
            payload = {**told, "coverage": row["coverage"], "run": run_id}
            events.receive(connection, str(uuid7()), EVENT, payload, by="service")


def restored(connection: Connection, old: int, state: SnapshotState) -> None:
    """Dates that were released since that older snapshot stand again as they stood there; those that came later are withdrawn."""
    later = select(releases.c.trade_date).where(releases.c.snapshot > old).distinct()
    own = select(releases).where(releases.c.trade_date.in_(later), releases.c.snapshot <= old)
    before = {row["trade_date"]: row for row in connection.execute(own.order_by(releases.c.seq)).mappings()}
    days = sorted(connection.execute(later).scalars())
    stood = [day for day in days if day in before and before[day]["status"] in READABLE]
    datasets = {name: {"version": known["version"], "rows": known["rows"]} for name, known in state["datasets"].items()}
    rows: list[dict[str, Any]] = []
    for day in days:
        if day in stood:
            again = {"status": before[day]["status"], "coverage": before[day]["coverage"]}
            row = {**again, "datasets": datasets if day in stood[-ANNOUNCED:] else None, "detail": f"as in snapshot {old}"}
        else:
            row = {"status": "withdrawn", "coverage": None, "datasets": None, "detail": f"it is not in snapshot {old}"}
        rows.append({"trade_date": day, **row})
    if rows:
        write(connection, rows, snapshot=state["snapshot"], run_id=None)


def block(connection: Connection, run_id: str, sentence: str) -> None:
    """A quality gate stopped the run: readers keep what was released of its trade date before. Without one there is no row."""
    day = connection.execute(select(runs.c.trade_date).where(runs.c.id == run_id)).scalar()
    if day is not None:
        row = {"trade_date": day, "status": "blocked", "run_id": run_id, "detail": sentence, "decided_at": clock.now()}
        connection.execute(insert(releases), row)


def announced(connection: Connection, snapshot: int) -> list[Announcement]:
    """The newest trade dates that were announced by that snapshot, oldest first, each as it stands there."""
    query = select(releases).where(releases.c.snapshot <= snapshot).order_by(releases.c.trade_date.desc(), releases.c.seq.desc())
    found: dict[date, Any] = {}
    for row in connection.execute(query.limit(_LOOKED_AT)).mappings():
        found.setdefault(row["trade_date"], row)
    standing = [row for row in found.values() if row["status"] in READABLE and row["datasets"]]
    return [
        {
            "trade_date": row["trade_date"].isoformat(),
            "status": row["status"],
            "snapshot": row["snapshot"],
            "coverage": row["coverage"],
            "released_at": clock.iso(row["decided_at"]),
            "datasets": row["datasets"],
        }
        for row in reversed(standing[:ANNOUNCED])
    ]


def page(connection: Connection, before: date | None, limit: int) -> list[dict[str, Any]]:
    """How each trade date before that one stands, newest date first."""
    dates = select(releases.c.trade_date).distinct().order_by(releases.c.trade_date.desc()).limit(limit)
    if before is not None:
        dates = dates.where(releases.c.trade_date < before)
    days = list(connection.execute(dates).scalars())
    rows: dict[date, list[dict[str, Any]]] = {day: [] for day in days}
    for row in connection.execute(_rows().where(releases.c.trade_date.in_(days))).mappings():
        rows[row["trade_date"]].append(dict(row))
    return [standing(own) for own in rows.values()]


def of_date(connection: Connection, day: date) -> list[dict[str, Any]]:
    """Everything that became of a trade date, newest first."""
    return [dict(row) for row in connection.execute(_rows().where(releases.c.trade_date == day)).mappings()]


def latest(connection: Connection) -> date | None:
    """The newest trade date that readers have."""
    # Of the newest dates some may be blocked or withdrawn; one that is readable stands among a few.
    for known in page(connection, None, ANNOUNCED):
        if known["readable_snapshot"] is not None:
            return date.fromisoformat(str(known["trade_date"]))
    return None


def standing(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How a trade date stands, from its rows, newest first: the newest, and the snapshot in which readers have it."""
    published = next((row for row in rows if row["snapshot"] is not None), None)
    readable = published is not None and published["status"] in READABLE
    return {**rows[0], "readable_snapshot": published["snapshot"] if published is not None and readable else None}


def _rows() -> Select[Any]:
    query = select(releases, snapshots.c.retired_at).outerjoin(snapshots, snapshots.c.snapshot == releases.c.snapshot)
    return query.order_by(releases.c.trade_date.desc(), releases.c.seq.desc())
