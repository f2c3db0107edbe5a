"""Start-up and memory of the default service: `python -m benchmarks.footprint [--idle SECONDS]`.

The second start to ready, held against 2 s; proportional memory (PSS) of service, forkserver and children some time after a
first run of daily_full_pipeline, held against 250 MB, the service alone against 100 MB; processor time while idle, against 1 %.
"""

import argparse
import contextlib
import time
from pathlib import Path

import psutil

from benchmarks.running import Service, folder, service

STARTS = 5
READY_SECONDS, ALL_BYTES, SERVICE_BYTES, IDLE_SHARE = 2.0, 250e6, 100e6, 0.01


def main() -> None:
    """Print each figure with its ratio to what it must not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=float, default=300, help="seconds between the first run and the measurement")
    idle = parser.parse_args().idle
    with folder() as place:
        with service(place) as running:
            run = running.http.post("/api/v1/jobs/daily_full_pipeline/runs?wait=60", json={}).raise_for_status().json()
            print(f"first run: {run['status']} in {run['duration']:.1f} s")
            _memory(running, idle)
        _starts(place)


def _memory(running: Service, idle: float) -> None:
    watched = min(60.0, idle / 2)
    time.sleep(idle - watched)
    began, before = time.perf_counter(), _cpu(running)
    time.sleep(watched)
    after = _cpu(running)
    # What a process that ended meanwhile had used is not known any more.
    share = sum(after[pid] - before[pid] for pid in after.keys() & before.keys()) / (time.perf_counter() - began)
    used = {process.pid: process.memory_full_info().pss for process in _tree(running)}
    own, total = used[running.process.pid], sum(used.values())
    print(f"after {idle:.0f} s: service {own / 1e6:.0f} MB, all {len(used)} processes {total / 1e6:.0f} MB (PSS)")
    print(
        f"ratio to {SERVICE_BYTES / 1e6:.0f} MB: {own / SERVICE_BYTES:.2f}; to {ALL_BYTES / 1e6:.0f} MB: {total / ALL_BYTES:.2f}"
    )
    print(f"idle processor time {share:.2%} of one core; ratio to {IDLE_SHARE:.0%}: {share / IDLE_SHARE:.2f}")


def _tree(running: Service) -> list[psutil.Process]:
    return [running.process, *running.process.children(recursive=True)]


def _cpu(running: Service) -> dict[int, float]:
    """Seconds of processor time that each process has used so far."""
    used = {}
    for process in _tree(running):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
    return used


def _starts(place: Path) -> None:
    seconds = []
    for _ in range(STARTS):
        with service(place) as running:
            seconds.append(running.ready_seconds)
    median = sorted(seconds)[STARTS // 2]
    print(f"start to ready: median {median:.2f} s of {', '.join(f'{value:.2f}' for value in seconds)}")
    print(f"ratio to {READY_SECONDS:.0f} s: {median / READY_SECONDS:.2f}")


if __name__ == "__main__":
    main()
