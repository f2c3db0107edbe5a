"""How late schedules fire when a thousand of them come within an hour, and what a thousand cost at idle.

`python -m benchmarks.firing [--minutes 5]`; wanted: p95 50 ms late, and under 1 % of one core. Each schedule fires at a minute
of its own in every hour, so some seventeen come at the same instant. Late is the decision in the ledger against the due instant.
"""

import argparse
import time
from datetime import datetime

from benchmarks.chain import register
from benchmarks.running import Service, folder, quantiles, service

SCHEDULES = 1000
LATE, IDLE = 0.050, 0.01
IDLE_SECONDS = 30


def main() -> None:
    """Print how late they fired, the processor time at idle, and the ratios to the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=5)
    minutes = parser.parse_args().minutes
    with folder() as place, service(place, op_modules="benchmarks.chain_ops") as running:
        register(running, max_concurrent_runs=10)
        _schedules(running, "0 0 1 1 *")
        idle = _idle(running)
        _schedules(running, "{minute} * * * *")
        time.sleep(60 * minutes)
        late = sorted(_late(running))
    print(f"{len(late)} fired of {SCHEDULES} in an hour: {quantiles(late)} late")
    print(f"idle with {SCHEDULES} schedules: {idle * 100:.2f} % of one core")
    print(f"ratio to the targets: p95 {late[int(len(late) * 0.95)] / LATE:.2f} of {LATE * 1000:.0f} ms, {idle / IDLE:.2f} of 1 %")


def _schedules(running: Service, cron: str) -> None:
    for number in range(SCHEDULES):
        document = {"name": f"s{number}", "job": "chain", "cron": cron.format(minute=number % 60), "overlap": "queue"}
        running.http.put(f"/api/v1/schedules/s{number}", json=document).raise_for_status()


def _idle(running: Service) -> float:
    processes = [running.process, *running.process.children(recursive=True)]
    time.sleep(5)
    before = sum(sum(process.cpu_times()[:2]) for process in processes)
    time.sleep(IDLE_SECONDS)
    return (sum(sum(process.cpu_times()[:2]) for process in processes) - before) / IDLE_SECONDS


def _late(running: Service) -> list[float]:
    found, cursor = [], None
    while True:
        asked: dict[str, str] = {"limit": "500", "outcome": "fired", **({"cursor": cursor} if cursor else {})}
        page = running.http.get("/api/v1/firings", params=asked).json()
        found += [_instant(row["decided_at"]) - _instant(row["due_at"]) for row in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            return found


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
