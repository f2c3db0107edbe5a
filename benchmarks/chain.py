"""HTTP POST to the last step persisted, for a chain of five ops that do nothing: `python -m benchmarks.chain`.

Persisted is what the service's own log says at the end of a run, after the commit. Held against the target of 10 ms, and
against the floor: the commits that such a run cannot do without, made bare by the same SQLite with the same settings on the
same disk, alternating with the runs.
"""

import json
import time
from datetime import datetime
from pathlib import Path

from app.store.sqlite import module
from benchmarks.running import Service, folder, quantiles, service

RUNS = 300
WARM_UP = 20
TARGET_SECONDS = 0.010
COMMITS = 3
"""Accept, claim, end: each must be durable before the next may happen."""


def main() -> None:
    """Print the latency, and its ratios."""
    posted, waited, bare = {}, [], []
    with folder() as place:
        with service(place, op_modules="benchmarks.chain_ops") as running:
            register(running)
            floor = _Floor(place / "floor.db")
            for number in range(WARM_UP + RUNS):
                run, at, seconds = _once(running)
                if number >= WARM_UP:
                    posted[run] = at
                    waited.append(seconds)
                    bare.append(floor.once())
        ended = _ends(place / "service.log")
    persisted = [ended[run] - at for run, at in posted.items()]
    median = sorted(persisted)[len(persisted) // 2]
    print(f"chain of 5, POST -> last step persisted: {quantiles(persisted)}")
    print(f"chain of 5, POST ?wait= -> answered:     {quantiles(waited)}")
    print(f"{COMMITS} bare commits:                          {quantiles(bare)}")
    print(f"ratio to the target of {TARGET_SECONDS * 1000:.0f} ms: {median / TARGET_SECONDS:.2f}")
    print(f"ratio to {COMMITS} bare commits: {median / sorted(bare)[len(bare) // 2]:.1f}")


def register(running: Service, **job: object) -> None:
    """The pipeline of five ops that do nothing, and its job."""
    nodes: list[dict[str, object]] = [{"id": "n1", "op": "idle"}]
    nodes += [{"id": f"n{i}", "op": "idle", "inputs": {"before": f"n{i - 1}"}} for i in range(2, 6)]
    for path, body in (("pipelines", {"name": "chain", "nodes": nodes}), ("jobs", {"name": "chain", "pipeline": "chain", **job})):
        running.http.post(f"/api/v1/{path}", json=body).raise_for_status()


def _once(running: Service) -> tuple[str, float, float]:
    """The run, when it was asked for, and the seconds until the client had the answer."""
    wall, began = time.time(), time.perf_counter()
    run = running.http.post("/api/v1/jobs/chain/runs?wait=30", json={}).raise_for_status().json()
    seconds = time.perf_counter() - began
    assert run["status"] == "succeeded", run
    return run["id"], wall, seconds


def _ends(log: Path) -> dict[str, float]:
    """When the service said that a run had ended, by run."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    said = [line for line in lines if line["event"] == "run attempt ended"]
    return {line["run"]: datetime.fromisoformat(line["timestamp"]).timestamp() for line in said}


class _Floor:
    def __init__(self, path: Path) -> None:
        self._connection = module().connect(str(path), isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE t (n INTEGER, text TEXT)"):
            self._connection.execute(statement)

    def once(self) -> float:
        began = time.perf_counter()
        for n in range(COMMITS):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO t VALUES (?, ?)", (n, "x" * 500))
            self._connection.execute("COMMIT")
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
