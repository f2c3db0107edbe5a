"""How fast one worker with two slots works off a long queue of runs of five ops that do nothing: `python -m benchmarks.drain`.

Enqueued first, with the job paused; the clock runs from the resume until the last run's end is committed.
"""

import argparse
import subprocess
import time
from pathlib import Path

from benchmarks.chain import register
from benchmarks.running import OPENBELL, Service, folder, service
from benchmarks.running import settings as environment

RUNS = 500
STEPS = 5
SLOTS = 2


def main() -> None:
    """Print steps per second on the embedded defaults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    with folder() as place:
        rate = drain(place, parser.parse_args().runs)
    print(f"drain of queued runs of {STEPS} steps, {SLOTS} slots: {rate:.0f} steps/s, {rate / STEPS:.0f} runs/s")


def drain(place: Path, runs: int, **settings: object) -> float:
    """Steps per second."""
    if "database_url" in settings:
        subprocess.run([OPENBELL, "db", "migrate"], env=environment(place, **settings), check=True, capture_output=True)
    with service(place, op_modules="benchmarks.chain_ops", slots=SLOTS, **settings) as running:
        register(running, max_concurrent_runs=SLOTS)
        running.http.post("/api/v1/jobs/chain/runs?wait=30", json={}).raise_for_status()
        running.http.post("/api/v1/jobs/chain/pause").raise_for_status()
        for _ in range(runs):
            last = running.http.post("/api/v1/jobs/chain/runs", json={}).raise_for_status().json()["id"]
        began = time.perf_counter()
        running.http.post("/api/v1/jobs/chain/resume").raise_for_status()
        # Waiting for the last costs the service nothing; asking for the others again and again would.
        running.http.get(f"/api/v1/runs/{last}?wait=60").raise_for_status()
        while _left(running):
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        status = running.http.get("/api/v1/jobs/chain/status").json()
        assert status["success_rate"] == 1, status
    return runs * STEPS / seconds


def _left(running: Service) -> int:
    status = running.http.get("/api/v1/jobs/chain/status").json()
    return int(status["queued"] + status["running"])


if __name__ == "__main__":
    main()
