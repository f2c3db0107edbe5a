"""What fires asks whether the queue has room, in the transaction that would make the run."""

from collections.abc import Iterator

import pytest

from app.store import claims, events, runs
from app.store.database import Database
from app.store.migrate import upgrade
from tests.store.timed import Clock, define, ledger, look, prepare

EACH_HOUR = {"name": "s", "job": "j", "cron": "0 * * * *", "calendar": "XSHG", "catch_up": "all", "overlap": "queue"}


@pytest.fixture
def limited(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Database, Clock]]:
    """A queue that holds three runs."""
    opened = Database(database_url, queue_limit=3)
    upgrade(opened.engine)
    time = Clock(monkeypatch)
    opened.write(prepare)
    yield opened, time
    opened.close()


def queued(database: Database) -> int:
    with database.read() as connection:
        return runs.queued(connection)


def test_a_schedule_that_finds_the_queue_full_says_so_and_is_not_caught_up(limited: tuple[Database, Clock]) -> None:
    database, time = limited
    define(database, "schedule", EACH_HOUR)
    time.set("2026-09-28 13:00")
    found = look(database)
    assert [(row.outcome, row.reason) for row in found] == [*[("fired", None)] * 3, *[("failed", "queue_full")] * 2]
    assert found[-1].detail == "3 runs wait already, as many as OPENBELL_QUEUE_LIMIT allows"
    assert queued(database) == 3
    with database.read() as connection:
        first = runs.page(connection, runs.Filter(), None, 500)[0]["id"]
    database.write(lambda connection: claims.request_cancel(connection, first))
    time.set("2026-09-28 14:00")
    assert [row.outcome for row in look(database)] == ["fired"]
    assert len(ledger(database)) == 6


def test_an_event_that_finds_the_queue_full_is_taken_and_its_trigger_says_so(limited: tuple[Database, Clock]) -> None:
    database, _ = limited
    define(database, "trigger", {"name": "t", "job": "j", "when": {"event": "e"}})
    for number in range(5):
        database.write(lambda connection, number=number: events.receive(connection, f"e{number}", "e", {}, "test"))
    assert [row[1:3] for row in ledger(database, "trigger", "t")] == [*[("fired", None)] * 3, *[("failed", "queue_full")] * 2]
    assert queued(database) == 3
