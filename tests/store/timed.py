"""Definitions that fire, in a database whose clock a test sets."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app import clock
from app.definitions.catalogue import Catalogue, OpSpec
from app.definitions.pipeline import content_hash
from app.store import calendar_sources, catalogue, firings, saving, schedules
from app.store.database import Connection, Database
from app.store.firings import Firing

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = [
    {
        "since": "1990-12-19",
        "phases": [
            ["auction", "09:15", "09:25"],
            ["continuous", "09:30", "11:30"],
            ["continuous", "13:00", "14:57"],
            ["closing_auction", "14:57", "15:00"],
        ],
    }
]
HORIZON = date(2026, 10, 30)
HOLIDAYS = {date(2026, 9, 25), *(date(2026, 10, day) for day in (1, 2, 5, 6, 7))}
SESSIONS = [
    day
    for number in range((HORIZON - date(2026, 9, 1)).days + 1)
    if (day := date(2026, 9, 1) + timedelta(days=number)).weekday() < 5 and day not in HOLIDAYS
]


def at(text: str) -> datetime:
    """An instant, as a clock in Shanghai shows it: "2026-09-28 09:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


class Clock:
    """What `app.clock.now` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set("2026-09-28 08:00")
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def set(self, text: str) -> datetime:
        """Set it to that time of Shanghai."""
        self.now = at(text)
        return self.now


def plant(connection: Connection, sessions: Sequence[date] = SESSIONS, horizon: date = HORIZON) -> None:
    """The calendar XSHG, around the National Day holiday of 2026."""
    content = content_hash({"sessions": [day.isoformat() for day in sessions], "horizon": horizon.isoformat()})
    calendar_sources.plant(connection, "XSHG", sessions, "test", content, horizon=horizon, hours=HOURS, timezone="Asia/Shanghai")


def prepare(connection: Connection, *jobs: str, calendar: str | None = "XSHG") -> None:
    """A catalogue with one op, the calendar XSHG, and jobs of that op, which take any trade date without a calendar."""
    op = OpSpec.model_validate({"name": "noop", "module": "m", "code_version": "1", "inputs": [], "outputs": []})
    catalogue.save(connection, Catalogue.model_validate({"ops": [op], "queries": [], "broken": []}))
    plant(connection)
    params = {"day": {"type": "string", "default": ""}}
    pipeline = {"name": "p", "params": params, "nodes": [{"id": "a", "op": "noop"}]}
    saving.save(connection, "pipeline", pipeline, content_hash(pipeline), by="test")
    for name in jobs or ("j",):
        job = {"name": name, "pipeline": "p", "max_concurrent_runs": 100, **({"calendar": calendar} if calendar else {})}
        saving.save(connection, "job", job, content_hash(job), by="test", uses="p")


def define(database: Database, kind: Any, document: dict[str, Any]) -> None:
    """Store a schedule or trigger as it is."""
    key = content_hash(document)
    database.write(lambda connection: saving.save(connection, kind, document, key, by="test", uses=document["job"]))


def look(database: Database, name: str = "s") -> list[Firing]:
    """Decide what is due now of a schedule, as long as it asks for more."""
    found: list[Firing] = []
    while True:
        with database.read() as connection:
            if name not in schedules.due(connection, clock.now(), 10):
                return found
        found += database.write(lambda connection: schedules.evaluate(connection, name, clock.now()))


def ledger(database: Database, kind: str = "schedule", name: str = "s") -> list[tuple[str, str, str | None, str | None]]:
    """When each was due in Shanghai, its outcome, reason and trade date; the earliest first."""
    with database.read() as connection:
        rows = firings.page(connection, kind, name, limit=10_000)
    return [
        (
            row["due_at"].astimezone(SHANGHAI).strftime("%m-%d %H:%M"),
            row["outcome"],
            row["reason"],
            row["trade_date"].isoformat()[5:] if row["trade_date"] else None,
        )
        for row in sorted(rows, key=lambda row: (row["due_at"], row["seq"]))
    ]
