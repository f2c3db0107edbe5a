"""The state machine of runs and steps: every legal move, who may make it, and the guard in SQL that refuses all others.

`docs/state-machine.md` draws it. The database itself holds the guard, so that a fault in any process, or a statement typed by
hand, cannot make a history that never was.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from app.store.status import RunStatus, StepStatus

By = Literal["anyone", "holder", "reaper"]
"""Anyone: whoever may enqueue or cancel. Holder: the worker that has claimed the run, by its fence. Reaper: any process that
found the holder dead, or that nobody has the run's op."""


class Move(NamedTuple):
    """One arrow. `before` is None for what did not exist."""

    verb: str
    before: str | None
    after: str
    by: By


_R, _S = RunStatus, StepStatus

RUN_MOVES: tuple[Move, ...] = (
    Move("enqueue", None, _R.queued, "anyone"),
    Move("claim", _R.queued, _R.running, "holder"),
    Move("cancel", _R.queued, _R.cancelled, "anyone"),
    Move("fail", _R.queued, _R.failed, "reaper"),
    Move("succeed", _R.running, _R.succeeded, "holder"),
    Move("fail", _R.running, _R.failed, "holder"),
    Move("cancel", _R.running, _R.cancelled, "holder"),
    Move("release", _R.running, _R.queued, "holder"),
    Move("rescue", _R.running, _R.queued, "reaper"),
    Move("rescue", _R.running, _R.failed, "reaper"),
    Move("rescue", _R.running, _R.cancelled, "reaper"),
)
"""fail from queued: an op of the run vanished (`unknown_op`). release: a retry is due later, a child was lost, or the worker
stops. rescue: the worker is dead; the third lost child ends the run, and so does a mark that it is to stop."""

STEP_MOVES: tuple[Move, ...] = (
    Move("enqueue", None, _S.pending, "anyone"),
    Move("reuse", None, _S.succeeded, "anyone"),
    Move("begin", _S.pending, _S.running, "holder"),
    Move("begin", _S.succeeded, _S.running, "holder"),
    Move("skip", _S.pending, _S.skipped, "holder"),
    Move("succeed", _S.running, _S.succeeded, "holder"),
    Move("fail", _S.running, _S.failed, "holder"),
    Move("retry", _S.running, _S.pending, "holder"),
    Move("cancel", _S.pending, _S.cancelled, "holder"),
    Move("cancel", _S.pending, _S.cancelled, "anyone"),
    Move("cancel", _S.running, _S.cancelled, "holder"),
    Move("interrupt", _S.running, _S.pending, "holder"),
    Move("interrupt", _S.running, _S.pending, "reaper"),
    Move("fail", _S.pending, _S.failed, "holder"),
    Move("fail", _S.pending, _S.failed, "reaper"),
    Move("begin anew", _S.failed, _S.pending, "holder"),
    Move("begin anew", _S.skipped, _S.pending, "holder"),
    Move("begin anew", _S.running, _S.pending, "holder"),
)
"""begin from succeeded: its frame went with a process and an unfinished step needs it. retry: the op's own policy.
fail from pending: what was interrupted when the last allowed child went. begin anew: the run's retry policy."""


def legal(moves: Iterable[Move]) -> frozenset[tuple[str, str]]:
    """The pairs of statuses that one of the moves leads through."""
    return frozenset((str(move.before), str(move.after)) for move in moves if move.before is not None)


RUN_PAIRS = legal(RUN_MOVES)
_ONE_STEP = legal(STEP_MOVES)
# A batch writes a step that began and ended since the last one in a single update.
STEP_PAIRS = _ONE_STEP | {
    (first, last) for first, begun in _ONE_STEP for begins, last in _ONE_STEP if begun == begins == "running"
}

RUN_CHECKS = {
    "final_has_finish": "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
    "running_has_worker": "(status = 'running') = (worker IS NOT NULL)",
    "began": "status NOT IN ('running', 'succeeded') OR started_at IS NOT NULL",
    "failed_has_reason": "status <> 'failed' OR reason IS NOT NULL",
}
STEP_CHECKS = {
    "final_has_finish": "(status IN ('succeeded', 'failed', 'skipped', 'cancelled')) = (finished_at IS NOT NULL)",
    "began": "status NOT IN ('running', 'succeeded', 'failed') OR started_at IS NOT NULL",
    "has_reason": "status NOT IN ('failed', 'skipped') OR reason IS NOT NULL",
}
"""What a status says of the rest of its row: CHECK constraints."""


def guards(dialect: str) -> list[str]:
    """The statements that put the guards into a database of that dialect."""
    return [
        *([_REFUSE] if dialect == "postgresql" else []),
        *(_guard(dialect, table, pairs) for table, pairs in (("runs", RUN_PAIRS), ("steps", STEP_PAIRS))),
    ]


_REFUSE = """CREATE OR REPLACE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'illegal move of %: % to %', TG_TABLE_NAME, OLD.status, NEW.status USING ERRCODE = 'check_violation';
END $$"""


def _guard(dialect: str, table: str, pairs: Iterable[tuple[str, str]]) -> str:
    allowed = ", ".join(f"'{before} {after}'" for before, after in sorted(pairs))
    illegal = f"OLD.status <> NEW.status AND (OLD.status || ' ' || NEW.status) NOT IN ({allowed})"
    head = f"CREATE TRIGGER legal_moves_of_{table} BEFORE UPDATE OF status ON {table} FOR EACH ROW WHEN"
    if dialect == "postgresql":
        return f"{head} ({illegal}) EXECUTE FUNCTION refuse_move()"
    return f"{head} {illegal} BEGIN SELECT RAISE(ABORT, 'illegal move of {table}'); END"
