"""From an enqueue at idle to the first op: `python -m benchmarks.start_of_work`; wanted: p50 4 ms, p95 8 ms.

Enqueued is the instant that the accepted run bears; beside it, for the client, the same from its POST. The op begins when its
step does, in the run's process, by the same machine's clock.
"""

import time
from datetime import datetime

from benchmarks.chain import register
from benchmarks.running import Service, folder, quantiles, service

RUNS, WARM_UP = 300, 20
TARGETS = {0.5: 0.004, 0.95: 0.008}


def main() -> None:
    """Print the latencies, and the ratios to the targets."""
    with folder() as place, service(place, op_modules="benchmarks.chain_ops") as running:
        register(running)
        found = [_once(running) for _ in range(RUNS + WARM_UP)][WARM_UP:]
    enqueued, posted = (sorted(seconds) for seconds in zip(*found, strict=True))
    print(f"enqueue -> first op: {quantiles(enqueued)}")
    print(f"POST -> first op:    {quantiles(posted)}")
    ratios = [f"{enqueued[int(RUNS * part)] / target:.2f} of {target * 1000:.0f} ms" for part, target in TARGETS.items()]
    print(f"ratio to the targets: {', '.join(ratios)}")


def _once(running: Service) -> tuple[float, float]:
    """Seconds from the enqueue, and from the POST."""
    posted = time.time()
    run = running.http.post("/api/v1/jobs/chain/runs?wait=30", json={}).raise_for_status().json()
    began = min(map(_instant, (step["started_at"] for step in run["steps"])))
    return began - _instant(run["queued_at"]), began - posted


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
