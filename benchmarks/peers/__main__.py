"""A queue of five-step runs is worked off, here and by durable peers on the same machine: `python -m benchmarks.peers`.

Installs the peers, in the versions named here, into an environment of their own (with uv, or pip). Everybody enqueues first
and is then timed while the queue is worked off; one after the other, in rounds, and the best round of each counts. Both
databases write every commit to the disk.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.drain import drain
from benchmarks.peers.server import Server
from benchmarks.running import folder

HERE = Path(__file__).parent
PACKAGES = ("procrastinate==3.10.0", "dbos==3.4.0", "psycopg[binary,pool]==3.3.9")
TARGETS = {"SQLite": 4, "PostgreSQL": 2}
RUNS, ROUNDS = 300, 3


def main() -> None:
    """Print steps per second of each, and our ratios to the best peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with folder() as place, Server(place) as server:
        python = _environment(place / "peers")
        candidates = _candidates(server, python, given.runs)
        best = dict.fromkeys(candidates, 0.0)
        for _ in range(given.rounds):
            for name, measure in candidates.items():
                with folder() as own:
                    rate = measure(own)
                best[name] = max(best[name], rate)
                print(f"{name:40} {rate:7.0f} steps/s", flush=True)
    _compare(best)


def _candidates(server: Server, python: Path, runs: int) -> dict[str, Callable[[Path], float]]:
    def peer(script: str, url: Callable[[Path], str], concurrency: int) -> Callable[[Path], float]:
        def measure(own: Path) -> float:
            command: list[str | Path] = [python, HERE / script, url(own), str(runs), str(concurrency)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=own)
            return float(json.loads(done.stdout.splitlines()[-1]))

        return measure

    new, file = (lambda _: server.database()), (lambda own: f"sqlite:///{own / 'dbos.db'}")
    return {
        "Openbell, SQLite, 2 slots": lambda own: drain(own, runs),
        "Openbell, PostgreSQL, 2 slots": lambda own: drain(own, runs, database_url=server.database()),
        "Procrastinate, PostgreSQL, 2 at once": peer("procrastinate_chains.py", new, 2),
        "Procrastinate, PostgreSQL, 10 at once": peer("procrastinate_chains.py", new, 10),
        "DBOS, SQLite, 50 at once": peer("dbos_chains.py", file, 50),
        "DBOS, PostgreSQL, 50 at once": peer("dbos_chains.py", new, 50),
    }


def _compare(best: dict[str, float]) -> None:
    peer, rate = max(((name, rate) for name, rate in best.items() if "Openbell" not in name), key=lambda found: found[1])
    for database, target in TARGETS.items():
        ours = best[f"Openbell, {database}, 2 slots"]
        print(f"Openbell on {database}: {ours / rate:.1f} times the best peer ({peer}); wanted {target}")


def _environment(place: Path) -> Path:
    """The interpreter of a new environment that holds the peers."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = ["uv", "pip", "install", "--quiet", "--python", python] if shutil.which("uv") else pip
    subprocess.run([*command, *PACKAGES], check=True, stderr=subprocess.DEVNULL)
    subprocess.run([python, "-m", "compileall", "-q", place], check=False, capture_output=True)
    return python


if __name__ == "__main__":
    main()
