"""How long what was killed kept a run from going on."""

from collections import defaultdict

from tests.faults.seen import Seen


def recoveries(seen: Seen) -> dict[str, list[float]]:
    """By what was killed: seconds from each kill that interrupted a run until that run was queued again or had ended."""
    worker_process = {worker["id"]: worker["pid"] for worker in seen.rows["worker"]}
    executed_by: dict[str, set[int]] = defaultdict(set)
    for execution in seen.executions.values():
        executed_by[execution.run].add(execution.pid)
    claimed: dict[str, float] = {}
    found: dict[str, list[float]] = defaultdict(list)
    for move in seen.rows["transition"]:
        if move["to_status"] == "running" and move["subject"] == "run":
            claimed[move["name"]] = move["moved_at"]
        elif move["from_status"] == "running" and move["reason"] in ("interrupted", "crash_loop"):
            worker, children = worker_process.get(move["worker"]), executed_by[move["name"]]
            # A child's end interrupts its own run; that of a worker or its forkserver every run of that worker.
            hit = [
                kill for kill in seen.kills if (kill["pid"] in children if kill["kind"] == "child" else kill["service"] == worker)
            ]
            before = [kill for kill in hit if claimed[move["name"]] <= kill["at"] <= move["moved_at"]]
            if before:
                found[before[-1]["kind"]].append(move["moved_at"] - before[-1]["at"])
    return found
