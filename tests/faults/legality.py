"""The rule of the legal moves: what the transitions tell must be a way through the state machine, walked by who held the run."""

from collections import defaultdict
from collections.abc import Iterator

from app.store.moves import RUN_MOVES
from tests.faults.history import Line
from tests.faults.seen import Seen

_LEGAL = {(move.before, move.after) for move in RUN_MOVES}


def illegal(seen: Seen) -> Iterator[str]:
    moves: dict[str, list[Line]] = defaultdict(list)
    for move in seen.rows["transition"]:
        moves[move["name"]].append(move)
    for run in seen.runs.values():
        yield from _illegal_of(run, moves[run["id"]])
    for name in moves.keys() - seen.runs.keys():
        yield f"run {name} moved, and does not exist"


def _illegal_of(run: Line, moves: list[Line]) -> Iterator[str]:
    status: str | None = None
    holder: str | None = None
    claims = 0
    for move in moves:
        what = f"run {run['id']}: transition {move['seq']}"
        if move["subject"] == "step":
            if move["worker"] != holder:
                yield f"{what} of step {move['node']} is by worker {move['worker']}, and {holder} held the run"
            continue
        if move["from_status"] != status or (status, move["to_status"]) not in _LEGAL:
            yield f"{what} is from {move['from_status']} to {move['to_status']}, and the run was {status}"
        if move["to_status"] == "running":
            claims += 1
            if move["attempt"] != claims:
                yield f"{what} is claim {claims}, and says that it is attempt {move['attempt']}"
            if (asked := run["cancel_requested_at"]) is not None and asked < move["moved_at"]:
                yield f"{what} claims a run that had been asked to stop"
        elif holder is not None and (move["worker"], move["attempt"]) != (holder, claims):
            yield f"{what} is by attempt {move['attempt']} of worker {move['worker']}; attempt {claims} of {holder} held the run"
        status, holder = move["to_status"], move["worker"] if move["to_status"] == "running" else None
    if (run["status"] == "cancelled") != (run["reason"] == "cancelled"):
        yield f"run {run['id']} is {run['status']} because of {run['reason']}"
    if (status, claims) != (run["status"], run["attempt"]):
        yield f"run {run['id']} is {run['status']} in attempt {run['attempt']}; its transitions end at {status} in {claims}"
