"""Four schedulers on one database, killed at random through an hour: what fired is exactly what was to fire."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.definitions.timetable import Timetable
from app.store import calendars, firings, runs, schedules
from app.store.database import Database
from app.store.migrate import upgrade
from tests.store.timed import at, define, prepare

SCHEDULERS, MINUTES, SEED = 4, 60, 7
BEGIN = at("2026-09-28 09:00")
END = BEGIN + timedelta(minutes=MINUTES)
EVERY = {"job": "j", "overlap": "queue", "catch_up": "all"}
DOCUMENTS = [
    {**EVERY, "name": "minute", "cron": "* * * * *"},
    {**EVERY, "name": "session", "cron": "*/7 * * * *", "calendar": "XSHG", "trade_date": "previous"},
    {**EVERY, "name": "opening", "at": "open+1m", "calendar": "XSHG"},
    {**EVERY, "name": "latest", "cron": "*/3 * * * *", "catch_up": "latest"},
]


class Hour:
    """The clock of all processes, and the schedulers that live by it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._file = folder / "clock"
        self._living: list[subprocess.Popen[str]] = []
        self.set(BEGIN)

    def set(self, to: datetime) -> None:
        """Move the clock there; from there on it goes by itself."""
        aside = self._file.with_suffix(".new")
        aside.write_text(str((to - datetime.now(UTC)).total_seconds()))
        aside.replace(self._file)

    def start(self) -> None:
        """One more scheduler, at work."""
        environment = {**os.environ, "OPENBELL_CLOCK_FILE": str(self._file)}
        command = [sys.executable, "-m", "tests.faults.scheduler_process", self._url]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self._living.append(process)

    def kill(self, choice: random.Random) -> None:
        """Kill one of them, whatever it does."""
        process = self._living.pop(choice.randrange(len(self._living)))
        process.kill()
        process.communicate()

    def close(self) -> None:
        """Kill those that are left."""
        while self._living:
            self.kill(random.Random(0))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    upgrade(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def hour(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hour]:
    made = Hour(database_url, tmp_path)
    monkeypatch.setenv("OPENBELL_CLOCK_FILE", str(tmp_path / "clock"))
    yield made
    made.close()


def _until_planned(database: Database) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.read() as connection:
            if not schedules.due(connection, END, 100):
                return
        time.sleep(0.05)
    raise AssertionError("not everything was decided")


def _expected(database: Database, document: dict[str, Any]) -> list[tuple[datetime, Any]]:
    with database.read() as connection:
        calendar = calendars.load(connection, "XSHG") if "calendar" in document else None
    found = Timetable(document, calendar).between(BEGIN, END)
    return [(candidate.due_at, candidate.trade_date) for candidate in found]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_schedulers_that_are_killed_fire_exactly_what_was_to_fire(database: Database, hour: Hour) -> None:
    choice = random.Random(SEED)
    database.write(prepare)
    for document in DOCUMENTS:
        define(database, "schedule", document)
    for _ in range(SCHEDULERS):
        hour.start()
    for minute in range(1, MINUTES + 1):
        hour.set(BEGIN + timedelta(minutes=minute))
        if choice.random() < 0.15:
            hour.kill(choice)
            hour.start()
        time.sleep(choice.random() * 0.05)  # not for anything: so that a kill meets them anywhere
    _until_planned(database)
    made = Counter[str]()
    for document in DOCUMENTS:
        with database.read() as connection:
            rows = firings.page(connection, "schedule", document["name"], limit=1000, until=END)
        rows = sorted(rows, key=lambda row: row["due_at"])
        assert [(row["due_at"], row["trade_date"]) for row in rows] == _expected(database, document)
        outcomes = {row["outcome"] for row in rows}
        assert outcomes <= ({"fired", "missed"} if document["catch_up"] == "latest" else {"fired"})
        made.update(row["run_id"] for row in rows if row["outcome"] == "fired")
    with database.read() as connection:
        there = runs.page(connection, runs.Filter(until=END + timedelta(days=1)), None, 1000)
    assert set(made.values()) == {1}
    late = {row["id"] for row in there} - made.keys()
    with database.read() as connection:
        after = {row["run_id"] for row in firings.page(connection, limit=1000, since=END + timedelta(microseconds=1))}
    assert late <= after, "a run that no firing names"
    assert made.keys() <= {row["id"] for row in there}
