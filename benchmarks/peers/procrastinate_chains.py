"""Procrastinate on PostgreSQL: chains of five tasks that do nothing, each deferring the next.

Runs in an environment of its own: `procrastinate_chains.py URL RUNS CONCURRENCY` prints steps per second. Deferred first;
the clock runs while a worker works off the queue.
"""

import asyncio
import json
import sys
import time

import procrastinate

URL, RUNS, CONCURRENCY = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
STEPS = 5
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))


@app.task(name="step", queue="chains")
async def step(number: int) -> None:
    if number < STEPS:
        await step.defer_async(number=number + 1)


async def main() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await step.batch_defer_async(*({"number": 1} for _ in range(RUNS)))
        began = time.perf_counter()
        await app.run_worker_async(queues=["chains"], wait=False, concurrency=CONCURRENCY, install_signal_handlers=False)
        seconds = time.perf_counter() - began
        done = await app.job_manager.list_jobs_async(queue="chains", status="succeeded")
        assert len(list(done)) == RUNS * STEPS
    print(json.dumps(RUNS * STEPS / seconds))


asyncio.run(main())
