"""What a thousand runs leave in the service's memory: `python -m benchmarks.endurance [--runs N]`; wanted: at most 5 MB."""

import argparse

from benchmarks.chain import register
from benchmarks.running import Service, folder, service

RUNS, WARM_UP, ALLOWED_BYTES = 1000, 300, 5e6


def main() -> None:
    """Print the growth and its ratio to what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    with folder() as place, service(place, op_modules="benchmarks.chain_ops") as running:
        register(running)
        _run(running, WARM_UP)
        before = _private(running)
        _run(running, runs)
        grown = _private(running) - before
    ratio = f"ratio to {ALLOWED_BYTES / 1e6:.0f} MB: {grown / ALLOWED_BYTES:.2f}"
    print(f"{runs} runs left {grown / 1e6:.1f} MB in the service; {ratio}")


def _run(running: Service, count: int) -> None:
    for _ in range(count):
        run = running.http.post("/api/v1/jobs/chain/runs?wait=30", json={}).raise_for_status().json()
        assert run["status"] == "succeeded", run


def _private(running: Service) -> int:
    """Bytes that are the service's alone: what it maps of the database's files would count as its own otherwise."""
    return int(running.process.memory_full_info().uss)


if __name__ == "__main__":
    main()
