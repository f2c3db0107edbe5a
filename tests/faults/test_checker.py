"""The checker of histories: silent on a history that is right, and each violation, planted once, is called by its name."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from app import clock
from app.store import endings, lake, steps
from app.store.database import Connection, Database
from app.store.status import RunStatus
from app.store.tables import runs, snapshots, transitions, workers
from tests.faults.checker import check
from tests.faults.dump import dump
from tests.faults.history import History, Line, read
from tests.store.conftest import began, claim, enqueue, make_job, succeeded
from tests.store.test_lake import publication, staged

NAMES = ("lost", "unexpected", "double_publish", "overlap", "stuck", "illegal")


def _client(at: float, what: str, key: str, **facts: Any) -> Line:
    return {"at": at, "side": "client", "what": what, "key": key, **facts}


def _op(at: float, what: str, effect: str, pid: int, node: str, run: str = "r", **facts: Any) -> Line:
    return {"at": at, "side": "op", "what": what, "effect": effect, "pid": pid, "run": run, "node": node, "attempt": 1, **facts}


def _row(what: str, **facts: Any) -> Line:
    return {"at": 90.0, "side": "lake" if what in ("file", "row", "count") else "database", "what": what, **facts}


def _move(seq: int, before: str | None, after: str, attempt: int | None = None, worker: str | None = None, **more: Any) -> Line:
    told = {"subject": "run", "name": "r", "node": None, "reason": None, "moved_at": float(seq)}
    return _row("transition", seq=seq, from_status=before, to_status=after, attempt=attempt, worker=worker, **{**told, **more})


def _run(**changes: Any) -> Line:
    blank = {"reason": None, "retry_of": None, "worker": None, "cancel_requested_at": None, "crash_count": 1}
    run = {"id": "r", "job": "j", "status": "succeeded", "note": "k", "attempt": 2, "queued_at": 1.0, "finished_at": 20.0}
    return _row("run", **{**blank, **run, **changes})


def _step(node: str) -> Line:
    return _row("step", run_id="r", node=node, status="succeeded", reason=None, attempt=1)


def _attempt(node: str, status: str = "succeeded") -> Line:
    return _row("attempt", run_id="r", node=node, attempt=1, run_attempt=2, status=status, reason=None)


RIGHT = [
    _client(1, "invoke", "k", verb="run"),
    _client(2, "info", "k", error="no answer"),
    _client(3, "ok", "k", run="r"),
    _op(5, "effect_begin", "first", 100, "a"),
    {"at": 6.0, "side": "killer", "what": "kill", "kind": "child", "pid": 100, "service": 50},
    _op(10, "effect_begin", "second", 200, "a"),
    _op(11, "effect_begin", "beside", 200, "c"),
    _op(12, "effect_commit", "second", 200, "a"),
    _op(13, "effect_commit", "beside", 200, "c"),
    _op(14, "effect_begin", "third", 200, "b"),
    _op(15, "effect_commit", "third", 200, "b", publishes="RUN.r"),
    _run(),
    *map(_step, "abc"),
    *map(_attempt, "abc"),
    _move(1, None, "queued"),
    _move(4, "queued", "running", 1, "w"),
    _move(7, "running", "queued", 1, "w", reason="interrupted"),
    _move(9, "queued", "running", 2, "w"),
    _move(12, None, "succeeded", 1, "w", subject="step", node="a"),
    _move(20, "running", "succeeded", 2, "w"),
    _row("snapshot", snapshot=1, run_id="r", node="b", attempt=2),
    _row("pool", name="job:j", size=1),
    _row("worker", id="w", pid=50, started_at=0.5, stopped_at=30.0, ended="stopped"),
    _row("file", path="f", bytes=10, rows=1, found_bytes=10, found_rows=1, error=None),
    _row("row", key="RUN.r"),
    _row("count", value=1.0),
]  # fmt: skip


def _without(**facts: Any) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [line for line in lines if not facts.items() <= line.items()]


def _without_kinds(*kinds: str) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [line for line in lines if line["what"] not in kinds]


def _with(*more: Line, before: int = 1000) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [*lines[:before], *more, *lines[before:]]


def _changed(where: dict[str, Any], **to: Any) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [{**line, **to} if where.items() <= line.items() else line for line in lines]


_SECOND = [_client(4, "invoke", "x", verb="cancel", run="r"), _client(5, "ok", "x", run="r")]

_OTHER_RUN = [
    _client(1, "invoke", "x", verb="run"),
    _run(id="s", note="x", attempt=1),
    _move(1, None, "queued", name="s"),
    _move(4, "queued", "running", 1, "w", name="s"),
    _move(7, "running", "succeeded", 1, "w", name="s"),
]
_BESIDE = [_op(14, what, "x", 300, "a", run="s") for what in ("effect_begin", "effect_commit")]

PLANTED = [
    ("lost", "an accepted run that is nowhere", _with(_client(4, "invoke", "x", verb="run"), _client(5, "ok", "x", run="gone"))),
    ("lost", "a cancel that was forgotten", _with(*_SECOND)),
    ("lost", "a step that succeeded and was not done", _without(effect="beside", what="effect_commit")),
    ("lost", "a publication without a snapshot", _without_kinds("snapshot", "row", "count")),
    ("lost", "a published row that readers do not find", _without(what="row")),
    ("lost", "a file that is shorter than published", _changed({"what": "file"}, found_bytes=9)),
    ("lost", "a file that cannot be read", _changed({"what": "file"}, error="no magic bytes")),
    ("lost", "a publication that another overwrote", _changed({"what": "count"}, value=0.0)),
    ("unexpected", "a run that nobody asked for", _without(side="client")),
    ("unexpected", "a run whose request was refused", _changed({"what": "ok"}, what="fail")),
    ("unexpected", "a second run of one key", _with(_run(id="s", status="cancelled", reason="cancelled", attempt=0),
        _move(2, None, "queued", name="s"), _move(3, "queued", "cancelled", name="s"))),
    ("unexpected", "work for no run", _with(_op(16, "effect_begin", "x", 300, "a", run="gone"))),
    ("unexpected", "work after the run's end", _with(_op(21, "effect_work", "third", 200, "b"))),
    ("unexpected", "a row that no publication brought", _with(_row("row", key="RUN.x"))),
    ("unexpected", "a step that was done again", _with({**_attempt("a"), "attempt": 2})),
    ("double_publish", "two snapshots of one step", lambda lines: _changed({"what": "count"}, value=2.0)(
        _with(_row("snapshot", snapshot=2, run_id="r", node="b", attempt=2))(lines))),
    ("double_publish", "a publication by a step that did not begin", _without(what="attempt", node="b")),
    ("double_publish", "a publication that was applied twice", _changed({"what": "count"}, value=2.0)),
    ("overlap", "two processes at work on one step", _with(_op(11, "effect_work", "first", 100, "a"), before=6)),
    ("overlap", "two processes at work on two steps", _with(_op(14, "effect_work", "first", 100, "a"), before=10)),
    ("overlap", "one process at work on one step twice", _with(_op(11, "effect_begin", "x", 200, "a"), before=6)),
    ("overlap", "more runs of a job than its limit", lambda lines: _with(*_OTHER_RUN)(_with(*_BESIDE, before=10)(lines))),
    ("stuck", "a run that does not end", lambda lines: _changed({"what": "run"}, status="running", finished_at=None)(
        [line for line in lines if line.get("seq") != 20])),
    ("stuck", "an attempt that does not end", _changed({"what": "attempt", "node": "a"}, status="running")),
    ("stuck", "a slot that is not given back", _with(_row("slot", pool="job:j", n=0, run_id="r", attempt=2))),
    ("stuck", "a worker that nobody missed", _changed({"what": "worker"}, stopped_at=None)),
    ("illegal", "a move that does not exist", _with(_move(21, "succeeded", "queued", 2, "w"), _move(22, "queued", "failed"))),
    ("illegal", "a move that was left out", _without(seq=9)),
    ("illegal", "an end by who did not hold the run", _changed({"seq": 20}, worker="v")),
    ("illegal", "a step told by who did not hold the run", _changed({"seq": 12}, worker="v")),
    ("illegal", "a failure by a wish to stop", _changed({"what": "run"}, reason="cancelled")),
    ("illegal", "a claim that was counted twice", _changed({"seq": 9}, attempt=3)),
    ("illegal", "a claim after the wish to stop", _changed({"what": "run"}, cancel_requested_at=8.0)),
]  # fmt: skip


def test_a_history_that_is_right_has_no_fault_and_its_recoveries_are_counted() -> None:
    assert check(RIGHT).counts == {**dict.fromkeys(NAMES, 0), "recovered": 1}


@pytest.mark.parametrize(("name", "plant"), [pytest.param(name, plant, id=what) for name, what, plant in PLANTED])
def test_a_planted_violation_is_called_by_its_name(name: str, plant: Callable[[list[Line]], list[Line]]) -> None:
    counts = check(plant(deepcopy(RIGHT))).counts
    assert counts.pop(name) > 0
    # A run that ended wrongly has also moved wrongly: no other name but that one may come with it.
    assert {other for other, count in counts.items() if count} <= {"recovered", "illegal"}


def test_a_line_that_a_kill_cut_short_spoils_no_other(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    history.write("op", "effect_begin", effect="a")
    with history.path.open("ab") as file:
        file.write(b'\n{"at":1.0,"side":"op","what":"eff')
    history.write("op", "effect_commit", effect="b")
    assert [line["what"] for line in read(history.path)] == ["effect_begin", "effect_commit"]


@pytest.fixture
def history(database: Database, tmp_path: Path) -> History:
    """A run that was asked for, done, published and ended, by all three sides but the dump."""
    database.write(make_job)
    run = enqueue(database, note="k")
    fence = claim(database)
    assert fence is not None
    history = History(tmp_path / "history")
    history.write("client", "invoke", key="k", verb="run")
    history.write("client", "ok", key="k", run=run)
    for node in "ab":
        history.write("op", "effect_begin", effect=node, run=run, node=node, attempt=1, pid=1)
        history.write("op", "effect_commit", effect=node, run=run, node=node, attempt=1, pid=1)

    def end(connection: Connection) -> RunStatus:
        steps.record(connection, fence, [began("a"), succeeded("a"), began("b")])
        lake.publish(connection, fence, "b", publication(staged("bars-2026-11")))
        steps.record(connection, fence, [succeeded("b")])
        status = endings.settle(connection, fence)
        connection.execute(update(workers).values(stopped_at=clock.now()))
        return status

    assert database.write(end) is RunStatus.succeeded
    return history


def _again(connection: Connection) -> None:
    row = connection.execute(select(snapshots)).mappings().one()
    connection.execute(insert(snapshots), {**row, "snapshot": 2})


def _left_behind(connection: Connection) -> None:
    connection.execute(update(workers).values(stopped_at=None))


IN_THE_DATABASE: list[tuple[str, Callable[[Connection], Any]]] = [
    ("lost", lambda connection: connection.execute(delete(runs))),
    ("unexpected", lambda connection: connection.execute(update(runs).values(note="of nobody"))),
    ("double_publish", _again),
    ("stuck", _left_behind),
    ("illegal", lambda connection: connection.execute(delete(transitions).where(transitions.c.to_status == "running"))),
]


def test_what_the_store_writes_is_right(database: Database, history: History) -> None:
    dump(database, history)
    assert check(read(history.path)).counts == dict.fromkeys((*NAMES, "recovered"), 0)


@pytest.mark.parametrize(("name", "plant"), IN_THE_DATABASE, ids=[name for name, _ in IN_THE_DATABASE])
def test_a_violation_in_the_database_is_found(
    database: Database, history: History, name: str, plant: Callable[[Connection], Any]
) -> None:
    database.write(plant)
    dump(database, history)
    assert check(read(history.path)).counts[name] > 0
