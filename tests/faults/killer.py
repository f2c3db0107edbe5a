"""Kills run processes, services and forkservers with SIGKILL, by a seed and by shares, and starts again what must be there."""

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import psutil

from app import clock
from tests.faults.history import History, Reader
from tests.faults.services import House, Service

SHARES = {"child": 78, "worker": 12, "api": 7, "forkserver": 3}
"""Of a hundred kills. Where one process is both worker and API, both shares are its own."""
_IDLE_SHARE = 0.1
"""How many of the children are taken whether or not they are at work."""
_TARGET_SECONDS = 60
_LOOK_SECONDS = 0.02

T = TypeVar("T")


class Killer:
    """One by one, each after a pause of a random length."""

    def __init__(self, house: House, history: History, seed: str, mean_pause: float) -> None:
        self.kills: Counter[str] = Counter()
        self._house = house
        self._history = history
        self._random = random.Random(seed)
        self._mean_pause = mean_pause
        self._reader = Reader(history.path)
        self._at_work: dict[str, int] = {}

    def kill(self) -> None:
        """Kill once. Raises AssertionError when for a long time there is nothing of the drawn kind to kill."""
        (kind,) = self._random.choices(list(SHARES), list(SHARES.values()))
        pause = time.monotonic() + self._random.expovariate(1 / self._mean_pause)
        while time.monotonic() < pause:
            time.sleep(_LOOK_SECONDS)
        if kind == "child":
            idle = self._random.random() < _IDLE_SHARE
            self._until(lambda: self._kill_child(idle=idle), kind)
        elif kind == "forkserver":
            self._until(self._kill_forkserver, kind)
        else:
            kinds = (kind, "service")
            self._kill_service(self._random.choice([one for one in self._house.services if one.kind in kinds]))

    def _kill_service(self, service: Service) -> None:
        assert service.process is not None
        assert service.process.poll() is None, f"a service ended by itself: see {service.folder}"
        pid, at = service.process.pid, _now()
        service.kill()
        self._killed(service.kind, pid, service, at, pid)
        service.start()

    def _kill_forkserver(self) -> bool:
        service = self._random.choice([one for one in self._house.services if one.kind != "api"])
        forkserver = service.forkserver()
        return forkserver is not None and bool(forkserver.children()) and self._hit("forkserver", forkserver, service)

    def _kill_child(self, *, idle: bool) -> bool:
        """A run process: one that is at work, or any."""
        busy = self._busy()
        if not idle and not busy:
            return False
        children = {child.pid: (child, service) for service in self._house.services for child in _children(service)}
        targets = sorted(children if idle else busy & children.keys())
        return bool(targets) and self._hit("child", *children[self._random.choice(targets)])

    def _busy(self) -> set[int]:
        for line in self._reader.new():
            if line["what"] == "effect_begin":
                self._at_work[line["effect"]] = line["pid"]
            elif line["what"] == "effect_commit":
                self._at_work.pop(line["effect"], None)
        return set(self._at_work.values())

    def _hit(self, kind: str, process: psutil.Process, service: Service) -> bool:
        at = _now()
        assert service.process is not None
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return False
        self._killed(kind, process.pid, service, at, service.process.pid)
        return True

    def _killed(self, kind: str, pid: int, service: Service, at: float, service_pid: int) -> None:
        self.kills[kind] += 1
        self._history.write("killer", "kill", at=at, kind=kind, pid=pid, service=service_pid)

    def _until(self, fact: Callable[[], T], kind: str) -> None:
        deadline = time.monotonic() + _TARGET_SECONDS
        while not fact():
            assert time.monotonic() < deadline, f"for {_TARGET_SECONDS} s there was no {kind} to kill"
            time.sleep(_LOOK_SECONDS)


def _now() -> float:
    return clock.now().timestamp()


def _children(service: Service) -> list[psutil.Process]:
    forkserver = service.forkserver()
    try:
        return forkserver.children() if forkserver else []
    except psutil.NoSuchProcess:
        return []
