"""HTTP POST to the last step persisted, for a chain of five ops that do nothing: `python -m benchmarks.chain`.

Held against the target of 10 ms, and against the floor: the commits that such a run cannot do without, made bare by the same
SQLite with the same settings on the same disk, alternating with the runs.
"""

import time
from datetime import datetime
from pathlib import Path

from app.store.sqlite import module
from benchmarks.running import Service, folder, quantiles, service

RUNS = 300
TARGET_SECONDS = 0.010
COMMITS = 3
"""Accept, claim, end: each must be durable before the next may happen."""


def main() -> None:
    """Print the latency, and its ratios."""
    with folder() as place, service(place, op_modules="benchmarks.chain_ops") as running:
        _register(running)
        floor = _Floor(place / "floor.db")
        for _ in range(20):
            _once(running)
        waited, persisted, bare = [], [], []
        for _ in range(RUNS):
            seen, done = _once(running)
            waited.append(seen)
            persisted.append(done)
            bare.append(floor.once())
    median = sorted(persisted)[len(persisted) // 2]
    print(f"chain of 5, POST -> last step persisted: {quantiles(persisted)}")
    print(f"chain of 5, POST ?wait= -> answered:     {quantiles(waited)}")
    print(f"{COMMITS} bare commits:                          {quantiles(bare)}")
    print(f"ratio to the target of {TARGET_SECONDS * 1000:.0f} ms: {median / TARGET_SECONDS:.2f}")
    print(f"ratio to {COMMITS} bare commits: {median / sorted(bare)[len(bare) // 2]:.1f}")


def _register(running: Service) -> None:
    nodes: list[dict[str, object]] = [{"id": "n1", "op": "idle"}]
    nodes += [{"id": f"n{i}", "op": "idle", "inputs": {"before": f"n{i - 1}"}} for i in range(2, 6)]
    for path, body in (("pipelines", {"name": "chain", "nodes": nodes}), ("jobs", {"name": "chain", "pipeline": "chain"})):
        running.http.post(f"/api/v1/{path}", json=body).raise_for_status()


def _once(running: Service) -> tuple[float, float]:
    """Seconds until the client had the answer, and until the run's end was written down."""
    wall, began = time.time(), time.perf_counter()
    run = running.http.post("/api/v1/jobs/chain/runs?wait=30", json={}).raise_for_status().json()
    seen = time.perf_counter() - began
    assert run["status"] == "succeeded", run
    return seen, datetime.fromisoformat(run["finished_at"]).timestamp() - wall


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
