"""A seeded run of chaos: clients ask, services work, a killer kills; then all is left to settle, and is judged."""

import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from app.stocks.lake.views import shown
from app.store.database import Database
from app.store.migrate import upgrade
from tests.faults import services
from tests.faults.chaos_ops import LIMITS, pipelines
from tests.faults.checker import Verdict, check
from tests.faults.clients import Client
from tests.faults.dump import dump, settled
from tests.faults.history import History, read
from tests.faults.killer import Killer
from tests.faults.lake_reading import read_lake
from tests.faults.recovery import recoveries
from tests.faults.seen import Seen
from tests.faults.services import House

SETTINGS = {
    "op_modules": "tests.faults.chaos_ops",
    "simulated_symbols": 5,
    "simulated_years": 1,
    "slots": 6,
    "beat_seconds": 0.5,
    "lease_seconds": 3,
    "reap_seconds": 0.3,
    "poll_seconds": 0.5,
    "grace_seconds": 2,
}
_ENDED = (0, -signal.SIGTERM)
"""How a service ends that was told to: the signal is passed on when all is done."""
_SETTLE_SECONDS = 90
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Plan:
    """What a run of chaos is made from."""

    seed: int
    kills: int
    clients: int = 5
    seconds: tuple[float, float] = (0.05, 0.5)
    """How long a step is at work."""
    mean_pause: float = 0.4
    """Between two kills."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    plan: Plan
    database: str
    kills: Counter[str]
    killing_seconds: float
    requests: Counter[str]
    runs: Counter[str]
    steps: int
    publications: int
    answers: Counter[int]
    exits: dict[str, int]
    view: tuple[int, int]
    """The snapshot that readers are shown at the end, and the newest."""
    recoveries: dict[str, list[float]]
    verdict: Verdict

    @property
    def faults(self) -> list[str]:
        """What was promised and not kept, besides what the checker names."""
        broken = [f"{count} answers {status}" for status, count in self.answers.items() if status >= 500 and status != 503]
        broken += [f"{service} ended with {code}" for service, code in self.exits.items() if code not in _ENDED]
        return broken + ([f"readers see snapshot {self.view[0]}, not {self.view[1]}"] if self.view[0] != self.view[1] else [])

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return self.verdict.passed and not self.faults

    def __str__(self) -> str:
        kills = self.kills.total()
        rate = kills / self.killing_seconds * 60
        return "\n".join(
            [
                f"seed {self.plan.seed} on {self.database}",
                f"kills: {kills} ({_counted(self.kills)}) in {self.killing_seconds:.0f} s, {rate:.0f} a minute",
                f"requests: {_counted(self.requests)}",
                f"runs: {self.runs.total()} ({_counted(self.runs)}); steps done: {self.steps}; publications: {self.publications}",
                *map(_interrupted, sorted(self.recoveries.items())),
                f"checker: {self.verdict}",
                *(f"also broken: {fault}" for fault in self.faults),
            ]
        )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def _interrupted(of: tuple[str, list[float]]) -> str:
    kind, seconds = of
    figures = f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s"
    return f"attempts interrupted by the end of a {kind}: {len(seconds)}; from the kill until queued again: {figures}"


def run(folder: Path, url: str, plan: Plan, tell: Callable[[int], None] = lambda _: None) -> Outcome:
    """Do it all, in that folder and on that empty database; `tell` hears the number of kills after each."""
    history = History(folder / "history.jsonl")
    database = Database(url)
    house = services.build(folder, database, **SETTINGS)
    try:
        if not database.is_sqlite:
            upgrade(database.engine)
        house.start()
        _register(house, history)
        addresses = [service.address for service in house.services if service.has_api]
        clients = [
            Client(f"client{n}", f"{plan.seed}/{n}", addresses, house.key, history, plan.seconds) for n in range(plan.clients)
        ]
        killer = Killer(house, history, f"{plan.seed}/killer", plan.mean_pause)
        killing = _kill(killer, clients, plan.kills, tell)
        _settle(house, clients)
        exits = house.stop()
        view = _view(house, history)
        dump(database, history)
        return _outcome(plan, database, history, killer, killing, clients, exits, view)
    finally:
        house.kill()
        database.close()


def _register(house: House, history: History) -> None:
    with httpx2.Client(headers={"Authorization": f"Bearer {house.key}"}, timeout=30, trust_env=False) as http:
        for name, nodes in pipelines(str(history.path)).items():
            pipeline = {"name": name, "nodes": nodes, "params": {"seconds": {"type": "number"}}}
            job = {"name": f"{name}_job", "pipeline": name, "max_concurrent_runs": LIMITS.get(name, 100)}
            for kind, document in (("pipelines", pipeline), ("jobs", job)):
                answer = http.post(f"{house.services[0].address}/api/v1/{kind}", json=document)
                assert answer.status_code in (200, 201), answer.text


def _kill(killer: Killer, clients: list[Client], kills: int, tell: Callable[[int], None]) -> float:
    """All kills; answers how many seconds they took."""
    began = time.monotonic()
    for client in clients:
        client.start()
    try:
        while killer.kills.total() < kills:
            killer.kill()
            tell(killer.kills.total())
        return time.monotonic() - began
    finally:
        for client in clients:
            client.stop()


def _settle(house: House, clients: list[Client]) -> None:
    """Wait until every service is there, every client has its answer and every run has ended, or the time for it is up."""
    for service in house.services:
        service.wait_ready(house.database)
    for client in clients:
        client.join(_SETTLE_SECONDS)
    deadline = time.monotonic() + _SETTLE_SECONDS
    workers = sum(service.kind != "api" for service in house.services)
    while not settled(house.database, workers) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def _view(house: House, history: History) -> tuple[int, int]:
    """The snapshot that readers see, and the newest. What was killed before it could show its own is caught up by a start."""
    newest = read_lake(house.database, house.data_dir, history)
    if shown(house.data_dir) != newest:
        house.start()
        house.stop()
    return shown(house.data_dir), newest


def _outcome(
    plan: Plan,
    database: Database,
    history: History,
    killer: Killer,
    killing: float,
    clients: list[Client],
    exits: dict[str, int],
    view: tuple[int, int],
) -> Outcome:
    lines = read(history.path)
    seen = Seen(lines)
    ends = (run["status"] + (f" ({run['reason']})" if run["status"] == "failed" else "") for run in seen.runs.values())
    return Outcome(
        plan=plan,
        database="SQLite" if database.is_sqlite else "PostgreSQL",
        kills=killer.kills,
        killing_seconds=killing,
        requests=Counter(request.verb for request in seen.requests.values()),
        runs=Counter(ends),
        steps=sum(attempt["status"] == "succeeded" for attempt in seen.rows["attempt"]),
        publications=len(seen.rows["snapshot"]),
        answers=sum((client.answers for client in clients), Counter()),
        exits=exits,
        view=view,
        recoveries=recoveries(seen),
        verdict=check(lines),
    )
