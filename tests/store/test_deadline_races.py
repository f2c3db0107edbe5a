"""Who decides a promise first makes no difference, however many do so at once."""

import threading

import pytest

from app.store import promises
from app.store.database import Database
from tests.store.test_deadlines import EVENING, MONDAY, evaluate, heard, succeed, told
from tests.store.timed import SESSIONS, Clock, define, prepare


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock_of_test = Clock(monkeypatch)
    database.write(prepare)
    return clock_of_test


def test_a_run_that_ends_at_that_very_moment_has_kept_it(database: Database, time: Clock) -> None:
    """Whoever decides first, and also when both are under way at once."""
    define(database, "deadline", EVENING)
    for day in SESSIONS[SESSIONS.index(MONDAY) :][:12]:
        time.set(f"{day} 20:00")
        together = threading.Barrier(2)

        def decide(together: threading.Barrier = together) -> None:
            together.wait()
            database.write(evaluate)

        scheduler = threading.Thread(target=decide)
        scheduler.start()
        together.wait()
        succeed(database, day, f"{day} 19:00", f"{day} 20:00")
        scheduler.join()
    assert [outcome for _, outcome, _ in told(database)] == ["met"] * 12


def test_any_number_of_processes_decide_once(database: Database, time: Clock) -> None:
    define(database, "deadline", EVENING)
    time.set("2026-09-30 20:00")
    together = threading.Barrier(4)
    found: list[promises.Promised] = []

    def scheduler() -> None:
        together.wait()
        for _ in range(3):
            found.extend(database.write(evaluate))

    racing = [threading.Thread(target=scheduler) for _ in range(4)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert [each.outcome for each in found] == ["missing"] * 3
    assert heard(database) == [("missing", f"2026-09-{day}") for day in (28, 29, 30)]
