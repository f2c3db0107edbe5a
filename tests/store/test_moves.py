"""The state machine: each legal move is possible, all others are refused by the database itself, and each verb stays in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import clock
from app.errors import LeaseLost
from app.store import claims, endings, moves, rescues, runs, steps
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import Reason, RunStatus, StepStatus
from tests.store.conftest import OPS, began, claim, enqueue, failed, row, skipped, succeeded

DOCUMENT = Path(__file__).parents[2] / "docs" / "state-machine.md"


def run_columns(status: RunStatus) -> str:
    """What a run's row needs beside that status."""
    ended = "started_at" if status.is_final else "NULL"
    worker = "'w'" if status is RunStatus.running else "NULL"
    return f"status = '{status}', finished_at = {ended}, worker = {worker}, reason = 'exception'"


def step_columns(status: StepStatus) -> str:
    """What a step's row needs beside that status."""
    final = status in ("succeeded", "failed", "skipped", "cancelled")
    return f"status = '{status}', finished_at = {'started_at' if final else 'NULL'}, reason = 'exception'"


def force(database: Database, *statements: str) -> None:
    """Write what no code of ours would: around the guards."""

    def work(connection: Connection) -> None:
        off = ("ALTER TABLE {0} DISABLE TRIGGER ALL", "ALTER TABLE {0} ENABLE TRIGGER ALL")
        if database.is_sqlite:
            found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            before, after = [f"DROP TRIGGER {name}" for name, _ in found], [sql for _, sql in found]
        else:
            before, after = ([template.format(table) for table in ("runs", "steps")] for template in off)
        for statement in (*before, *statements, *after):
            connection.exec_driver_sql(statement)

    database.write(work)


@pytest.mark.parametrize("before", list(RunStatus))
def test_a_run_moves_only_as_the_machine_says(database: Database, job: str, before: RunStatus) -> None:
    for after in set(RunStatus) - {before}:
        one = f"WHERE id = '{enqueue(database)}'"
        force(database, f"UPDATE runs SET started_at = queued_at {one}", f"UPDATE runs SET {run_columns(before)} {one}")
        legal = (before, after) in moves.RUN_PAIRS
        assert changes(database, f"UPDATE runs SET {run_columns(after)} {one}") is legal, after


@pytest.mark.parametrize("before", list(StepStatus))
def test_a_step_moves_only_as_the_machine_says(database: Database, job: str, before: StepStatus) -> None:
    for after in set(StepStatus) - {before}:
        one = f"WHERE run_id = '{enqueue(database)}' AND node = 'a'"
        began_at = "(SELECT queued_at FROM runs WHERE id = run_id)"
        force(database, f"UPDATE steps SET started_at = {began_at} {one}", f"UPDATE steps SET {step_columns(before)} {one}")
        legal = (before, after) in moves.STEP_PAIRS
        assert changes(database, f"UPDATE steps SET {step_columns(after)} {one}") is legal, after


def changes(database: Database, statement: str) -> bool:
    try:
        database.write(lambda connection: connection.exec_driver_sql(statement))
    except IntegrityError as error:
        refused = str(error)
    else:
        return True
    assert "illegal move" in refused
    return False


def finish(status: RunStatus) -> Callable[[Connection, Fence], Any]:
    def work(connection: Connection, fence: Fence) -> Any:
        events = {
            RunStatus.succeeded: (began("a"), succeeded("a"), began("b"), succeeded("b")),
            RunStatus.failed: (began("a"), failed("a"), skipped("b")),
        }
        if status is RunStatus.cancelled:
            claims.request_cancel(connection, fence.run_id)
        steps.record(connection, fence, list(events.get(status, ())))
        return endings.settle(connection, fence)

    return work


VERBS: dict[str, tuple[Callable[[Connection, Fence], Any], dict[RunStatus, RunStatus]]] = {
    "claim": (lambda connection, fence: claims.claim(connection, "w", OPS, 1), {RunStatus.queued: RunStatus.running}),
    "cancel": (
        lambda connection, fence: claims.request_cancel(connection, fence.run_id),
        {RunStatus.queued: RunStatus.cancelled},
    ),
    "unknown op": (
        lambda connection, fence: claims.fail_unknown(connection, {"other"}, clock.parse("2100-01-01T00:00:00Z")),
        {RunStatus.queued: RunStatus.failed},
    ),
    "succeed": (finish(RunStatus.succeeded), {RunStatus.running: RunStatus.succeeded}),
    "fail": (finish(RunStatus.failed), {RunStatus.running: RunStatus.failed}),
    "stop": (finish(RunStatus.cancelled), {RunStatus.queued: RunStatus.queued, RunStatus.running: RunStatus.cancelled}),
    "hand back": (endings.hand_back, {RunStatus.running: RunStatus.queued}),
    "lose": (
        lambda connection, fence: endings.lose(connection, fence, Reason.signal, {"type": "signal", "message": "killed"}),
        {RunStatus.running: RunStatus.queued},
    ),
    "rescue": (
        lambda connection, fence: rescues.rescue(connection, fence.worker, "ended"),
        {RunStatus.running: RunStatus.queued},
    ),
}


@pytest.mark.parametrize("before", list(RunStatus))
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_moves_from_where_it_may_and_changes_nothing_elsewhere(
    database: Database, job: str, verb: str, before: RunStatus
) -> None:
    run_id, fence = brought_to(database, before)
    work, leads = VERBS[verb]
    untouched = whole(database, run_id)
    try:
        database.write(lambda connection: work(connection, fence))
    except LeaseLost:
        assert before not in leads or leads[before] == before
    assert row(database, run_id)["status"] == leads.get(before, before)
    if before.is_final:
        assert whole(database, run_id) == untouched
    assert moved(database, run_id) <= moves.RUN_PAIRS


def brought_to(database: Database, status: RunStatus) -> tuple[str, Fence]:
    """A run in that status, and the fence of its last claim, or of none."""
    run_id = enqueue(database)
    fence = Fence(run_id, "w", 0)
    if status is RunStatus.queued:
        # Registered, as the verbs that a worker uses expect; what it claims first is another job's, that does not exist.
        claim(database, ops={})
        return run_id, fence
    claimed = claim(database)
    assert claimed is not None
    if status.is_final:
        work = finish(status)
        database.write(lambda connection: work(connection, claimed))
    return run_id, claimed


def whole(database: Database, run_id: str) -> Any:
    with database.read() as connection:
        return dict(runs.get(connection, run_id)), [dict(step) for step in runs.steps_of(connection, [run_id])]


def moved(database: Database, run_id: str) -> set[tuple[str, str]]:
    """What the run's history says."""
    query = text(
        "SELECT from_status, to_status FROM transitions WHERE subject = 'run' AND name = :run AND from_status IS NOT NULL"
    )
    with database.read() as connection:
        return {(before, after) for before, after in connection.execute(query, {"run": run_id})}


@pytest.mark.parametrize("found", [moves.RUN_MOVES, moves.STEP_MOVES])
def test_the_document_has_the_moves_of_the_code(found: tuple[moves.Move, ...]) -> None:
    cells = [tuple(cell.strip() for cell in line.split("|")[1:5]) for line in DOCUMENT.read_text().splitlines()]
    wanted = [(move.verb, move.before or "-", move.after, move.by) for move in found]
    begin = cells.index(wanted[0])
    assert cells[begin : begin + len(wanted) + 1] == [*wanted, ("",) * len(cells[begin + len(wanted)])]
