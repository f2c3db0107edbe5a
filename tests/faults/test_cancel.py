"""A cancel at every moment of a run's life: one winner, and the ending is what happened."""

import operator
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

from sqlalchemy import func, select

from app import clock
from app.errors import Conflict, LeaseLost
from app.store import claims, endings, rescues, steps, workers
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.tables import slots, transitions
from tests.engine.conftest import House, by_node, node
from tests.faults.alive import executes
from tests.store.conftest import began, claim_some, enqueue, failed, free_slots, make_job, row, succeeded

RACES = 150
"""For each database."""
FINAL = {"succeeded", "failed", "cancelled"}
Contender = Callable[[Database, str, Fence], None]


def _finish(database: Database, run_id: str, fence: Fence) -> None:
    def work(connection: Connection) -> None:
        steps.record(connection, fence, [succeeded("b")])
        endings.settle(connection, fence)

    database.write(work)


def _fail(database: Database, run_id: str, fence: Fence) -> None:
    def work(connection: Connection) -> None:
        steps.record(connection, fence, [failed("b")])
        endings.settle(connection, fence)

    database.write(work)


def _wait(database: Database, run_id: str, fence: Fence) -> None:
    """Give the run back until a delayed retry."""

    def work(connection: Connection) -> None:
        later = clock.iso(clock.now() + timedelta(hours=1))
        steps.record(connection, fence, [failed("b", retry_at=later)])
        endings.settle(connection, fence)

    database.write(work)


def _lose(database: Database, run_id: str, fence: Fence) -> None:
    error = {"type": "exit", "message": "gone"}
    database.write(lambda connection: endings.lose(connection, fence, endings.Reason.exit, error))


def _hand_back(database: Database, run_id: str, fence: Fence) -> None:
    database.write(lambda connection: endings.hand_back(connection, fence))


def _rescue(database: Database, run_id: str, fence: Fence) -> None:
    database.write(lambda connection: rescues.rescue(connection, fence.worker, "for the test"))


def _cancel(database: Database, run_id: str, fence: Fence) -> None:
    database.write(lambda connection: claims.request_cancel(connection, run_id))


ENDS: dict[Contender, set[str]] = {
    _finish: {"succeeded"},
    _fail: {"failed"},
    _wait: {"cancelled"},
    _lose: {"cancelled"},
    _hand_back: {"cancelled"},
    _rescue: {"cancelled"},
}
"""What a run may become when each of these races a cancel: what was done is done, what was not is cancelled."""


def test_a_cancel_that_races_any_end_has_one_winner_and_frees_everything(database: Database) -> None:
    chance = random.Random(7)
    database.write(lambda connection: make_job(connection, size=RACES))
    runs = []
    for number in range(RACES):
        runs.append(enqueue(database))
        claim_some(database, 1, f"w{number}")
    fences = [Fence(run_id, row(database, run_id)["worker"], 1) for run_id in runs]
    for fence in fences:
        database.write(lambda c, fence=fence: steps.record(c, fence, [began("a"), succeeded("a"), began("b")]))

    def race(fence: Fence) -> tuple[Contender, str]:
        contenders = [chance.choice(list(ENDS)), _cancel, *([_cancel] * chance.randrange(2))]
        chance.shuffle(contenders)
        gate = Barrier(len(contenders))

        def act(contender: Contender) -> None:
            gate.wait()
            try:
                contender(database, fence.run_id, fence)
            except LeaseLost:
                assert contender is not _cancel

        with ThreadPoolExecutor(len(contenders)) as pool:
            list(pool.map(act, contenders))
        return next(one for one in contenders if one is not _cancel), row(database, fence.run_id)["status"]

    with ThreadPoolExecutor(4) as pool:
        for contender, status in pool.map(race, fences):
            assert status in ENDS[contender], contender
    assert free_slots(database) == RACES
    with database.read() as connection:
        ends = select(transitions.c.name, func.count()).where(transitions.c.subject == "run", transitions.c.to_status.in_(FINAL))
        told = dict(connection.execute(ends.group_by(transitions.c.name)).all())
    assert told == dict.fromkeys(runs, 1), "every run ended once"


def test_a_cancel_that_races_a_claim_leaves_no_run_both_cancelled_and_running(database: Database) -> None:
    database.write(lambda connection: make_job(connection, size=2))
    seen = set()
    for number in range(RACES):
        run_id = enqueue(database)
        gate = Barrier(2)

        def claim(number: int = number, gate: Barrier = gate) -> list[Fence]:
            gate.wait()
            return claim_some(database, 1, f"w{number % 2}")

        def cancel(run_id: str = run_id, gate: Barrier = gate) -> str:
            gate.wait()
            return str(database.write(lambda connection: claims.request_cancel(connection, run_id)))

        with ThreadPoolExecutor(2) as pool:
            claimed, told = pool.submit(claim), pool.submit(cancel)
            fences, status = claimed.result(), told.result()
        assert status == ("running" if fences else "cancelled")
        seen.add(status)
        if fences:
            assert database.write(lambda c, fence=fences[0]: endings.settle(c, fence)) == "cancelled"
        assert row(database, run_id)["status"] == "cancelled"
        assert free_slots(database) == 2


def test_cancelled_while_it_is_queued_waits_for_a_retry_runs_or_has_just_begun(
    bad_house: House, tmp_path: Path, wait_until: Any
) -> None:
    house, manager = bad_house, bad_house.manager
    # Behind another of its job.
    mark, release = tmp_path / "mark", tmp_path / "release"
    job = house.job(node("a", "steady", mark=str(mark), release=str(release)))
    running, queued = (manager.run_job(job)["id"] for _ in range(2))
    wait_until(mark.exists)
    assert manager.cancel_run(queued)["status"] == "cancelled"
    # Between two attempts.
    delayed = house.run(node("a", "raises", what="base", retry={"max_retries": 3, "delay": 3600}), wait=None)
    # Both of one look: of two, the first may see it before the attempt and the second within it.
    wait_until(lambda: operator.itemgetter("status", "attempt")(manager.get_run(delayed["id"])) == ("queued", 1))
    assert manager.cancel_run(delayed["id"])["status"] == "cancelled"
    step = by_node(manager.get_run(delayed["id"]))["a"]
    assert (step["status"], step["attempt"]) == ("cancelled", 1)
    # Running, with an op that does not listen.
    pid = int(mark.read_text())
    manager.cancel_run(running)
    run = house.final(running)
    assert (run["status"], run["reason"], by_node(run)["a"]["status"]) == ("cancelled", "cancelled", "cancelled")
    wait_until(lambda: not executes(pid))
    # About to begin: whoever is first, it ends.
    early = house.job(node("a", "steady", mark=str(tmp_path / "early"), release=str(release)), max_concurrent_runs=4)
    for _ in range(10):
        started = manager.run_job(early)["id"]
        manager.cancel_run(started)
        assert house.final(started)["status"] == "cancelled"
    assert house.run(node("a", "good"))["status"] == "succeeded"


def test_a_cancel_while_the_last_event_is_under_way_changes_nothing_that_happened(
    bad_house: House, tmp_path: Path, wait_until: Any
) -> None:
    house, chance = bad_house, random.Random(11)
    job = house.job(node("a", "steady", mark=str(tmp_path / "mark"), release=str(tmp_path / "release")), max_concurrent_runs=4)
    endings_seen = set()
    for _ in range(20):
        (tmp_path / "release").unlink(missing_ok=True)
        (tmp_path / "mark").unlink(missing_ok=True)
        run_id = house.manager.run_job(job)["id"]
        wait_until((tmp_path / "mark").exists)
        moves = [lambda: (tmp_path / "release").touch(), lambda run_id=run_id: house.manager.cancel_run(run_id)]
        chance.shuffle(moves)
        refused = False
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(move) for move in moves]:
                try:
                    future.result()
                except Conflict:
                    refused = True
        run = house.final(run_id)
        step = by_node(run)["a"]
        assert not refused or run["status"] == "succeeded", "only what has ended refuses a cancel"
        assert (run["status"], step["status"]) in {("succeeded", "succeeded"), ("cancelled", "cancelled")}
        endings_seen.add(run["status"])
    assert endings_seen
    with house.database.read() as connection:
        assert connection.execute(select(func.count()).where(slots.c.run_id.is_not(None))).scalar() == 0
        assert len(workers.registered(connection)) == 1
