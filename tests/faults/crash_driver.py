"""A service without HTTP in a process of its own: `python -m tests.faults.crash_driver URL FOLDER`.

It obeys one line of JSON at a time and answers each with one; what it counts as points is in `crash_points`.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.engine.forkserver import ForkServer
from app.settings import Settings

OPS = "tests.faults.crash_ops"
# No heartbeat and no look for dead workers while a scenario runs: they would be points of no scenario.
QUIET: dict[str, Any] = {"beat_seconds": 100, "lease_seconds": 1000, "reap_seconds": 50}


def main(url: str, folder: Path) -> None:
    """Start, say `ready`, obey until the input ends, stop in order."""
    settings = Settings(data_dir=folder / "var", database_url=url, op_modules=(OPS,), grace_seconds=1, **QUIET)
    # First, as the service does: its imports run beside the others.
    forkserver = ForkServer.start(settings)
    from app import journal
    from app.engine import engine as wiring
    from app.manager import PipelineManager
    from app.store.database import Database
    from tests.faults.crash_points import Points, watch_commits, watch_files

    journal.configure("info")  # to its error stream: the answers go to the other one
    points = Points(folder / "crash.service")
    watch_files(points)
    watch_commits(points)
    database = Database(url)
    manager = PipelineManager(database, settings)
    wiring._VIEW_CHECK_SECONDS = 0.2  # or the loop would wait ten seconds behind each link
    engine = wiring.Engine(database, settings, "test", forkserver)
    ready = threading.Event()
    engine.start(lambda _: ready.set())
    ready.wait()
    _say("ready")
    commands = _commands(manager)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        _say(commands[name](*arguments))
    engine.stop()
    database.close()


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _commands(manager: Any) -> dict[str, Callable[..., Any]]:
    from app.errors import Conflict
    from app.store.acceptance import RunRequest

    def register(nodes: list[dict[str, Any]], job: dict[str, Any]) -> None:
        for pool in job.pop("limits", {}).items():
            manager.save_pool({"name": pool[0], "size": pool[1]}, by="test")
        manager.register_pipeline({"name": job["name"], "nodes": nodes, "params": job.pop("declared", {})})
        manager.register_job(job["name"], {"pipeline": job["name"], **job})

    def enqueue(job: str, key: str, params: dict[str, Any]) -> str:
        run, _ = manager.enqueue(job, RunRequest(params=params), by="test", idempotency_key=key)
        return str(run["id"])

    def retry(run: str, key: str) -> str:
        return str(manager.retry_run(run, by="test", idempotency_key=key)[0]["id"])

    def cancel(run: str) -> None:
        with contextlib.suppress(Conflict):  # it had been cancelled before the crash
            manager.cancel_run(run, by="test")

    def final(run: str) -> Any:
        return manager.wait_run(run, 60)

    def running(mark: str) -> None:
        until = time.monotonic() + 60
        while not Path(mark).exists() and time.monotonic() < until:
            time.sleep(0.002)

    commands = (register, enqueue, retry, cancel, final, running)
    return {command.__name__: command for command in commands}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
