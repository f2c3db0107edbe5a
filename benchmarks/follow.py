"""From an upstream's success to the first op of what follows it: `python -m benchmarks.follow`; wanted: p95 30 ms.

From the instant that the upstream's row bears as its end, which is a little before its commit, to the begin of the first step
of the run that its trigger made. At idle, one after the other.
"""

from datetime import datetime

from benchmarks.chain import register
from benchmarks.running import Service, folder, quantiles, service

RUNS, WARM_UP = 200, 20
TARGET = 0.030


def main() -> None:
    """Print the latency, and its ratio to the target."""
    with folder() as place, service(place, op_modules="benchmarks.chain_ops") as running:
        register(running)
        for document in (
            ("jobs", {"name": "following", "pipeline": "chain"}),
            ("triggers", {"name": "follow", "job": "following", "when": {"jobs": ["chain"]}}),
        ):
            running.http.post(f"/api/v1/{document[0]}", json=document[1]).raise_for_status()
        found = sorted([_once(running) for _ in range(RUNS + WARM_UP)][WARM_UP:])
    print(f"success -> first op of what follows: {quantiles(found)}")
    print(f"ratio to the target: p95 {found[int(RUNS * 0.95)] / TARGET:.2f} of {TARGET * 1000:.0f} ms")


def _once(running: Service) -> float:
    upstream = running.http.post("/api/v1/jobs/chain/runs?wait=30", json={}).raise_for_status().json()
    (firing,) = running.http.get("/api/v1/triggers/follow/firings?limit=1").json()["items"]
    run = running.http.get(f"/api/v1/runs/{firing['run_id']}?wait=30").json()
    assert upstream["id"] in run["note"], run
    return min(_instant(step["started_at"]) for step in run["steps"]) - _instant(upstream["finished_at"])


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
