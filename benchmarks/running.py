"""A service of the benchmark's own, as `openbell serve` starts it, in a temporary folder."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import psutil

OPENBELL = Path(sys.executable).with_name("openbell")


class Service(NamedTuple):
    """A started service: its process, a client with its admin key, and the seconds until /readyz said yes."""

    process: psutil.Process
    http: httpx2.Client
    ready_seconds: float


def settings(folder: Path, **more: Any) -> dict[str, str]:
    """The environment of a service in that folder, on a free port."""
    # At what hour it is measured must not decide what runs beside it.
    given = {"data_dir": folder / "var", "port": 0, "rhythm": "paused", **more}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENBELL_")}
    return {**clean, **{f"OPENBELL_{name.upper()}": str(value) for name, value in given.items()}}


@contextmanager
def service(folder: Path, **more: Any) -> Iterator[Service]:
    """Start a service that logs to `service.log` in the folder, wait until it is ready, stop it afterwards."""
    began = time.perf_counter()
    with (folder / "service.log").open("w") as log:
        process = subprocess.Popen([OPENBELL, "serve"], cwd=folder, env=settings(folder, **more), stderr=log)
    try:
        yield _ready(process.pid, folder / "var", began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _ready(pid: int, data_dir: Path, began: float) -> Service:
    while True:
        if time.perf_counter() - began > 60:
            raise TimeoutError("the service did not become ready")
        try:
            told = json.loads((data_dir / "service.json").read_text())
            key = (data_dir / "admin.key").read_text().strip()
            http = httpx2.Client(
                base_url=told["address"], headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False
            )
            if told["pid"] == pid and http.get("/readyz").status_code == 200:
                return Service(psutil.Process(pid), http, time.perf_counter() - began)
        except (FileNotFoundError, ValueError, httpx2.TransportError):
            pass
        time.sleep(0.002)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="openbell-benchmark-") as name:
        yield Path(name)


def quantiles(values: list[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    ordered = sorted(values)
    return f"median {ordered[len(ordered) // 2] * 1000:.1f} ms, p95 {ordered[int(len(ordered) * 0.95)] * 1000:.1f} ms"
