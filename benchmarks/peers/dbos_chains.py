"""DBOS on SQLite or PostgreSQL: workflows of five steps that do nothing, from a queue.

Runs in an environment of its own: `dbos_chains.py URL RUNS CONCURRENCY` prints steps per second; 0 is no limit. Enqueued
first, with nobody there to take them; the clock runs from the launch until the last workflow has ended.
"""

import json
import sys
import threading
import time

from dbos import DBOS, DBOSClient

URL, RUNS, CONCURRENCY = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
STEPS = 5
POLL_SECONDS = 0.01
_ended = threading.Semaphore(0)
_config = {"name": "chains", "system_database_url": URL, "run_admin_server": False, "log_level": "ERROR"}


@DBOS.step()
def step(number: int) -> int:
    return number


@DBOS.workflow()
def chain() -> None:
    for number in range(STEPS):
        step(number)
    _ended.release()


def main() -> None:
    DBOS(config=_config)
    DBOS.launch()  # makes the tables
    DBOS.destroy()
    client = DBOSClient(system_database_url=URL)
    handles = [client.enqueue({"workflow_name": chain.__qualname__, "queue_name": "chains"}) for _ in range(RUNS)]
    DBOS(config=_config)
    DBOS.launch()
    DBOS.register_queue("chains", concurrency=CONCURRENCY or None, polling_interval_sec=POLL_SECONDS)
    began = time.perf_counter()
    for _ in range(RUNS):
        _ended.acquire()
    for handle in handles:
        while handle.get_status().status != "SUCCESS":
            time.sleep(POLL_SECONDS)
    print(json.dumps(RUNS * STEPS / (time.perf_counter() - began)))
    client.destroy()
    DBOS.destroy()


main()
