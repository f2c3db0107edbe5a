"""Clients that ask for runs, retries and cancels, and ask the same again until somebody answers."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx2

from tests.faults.chaos_ops import WEIGHTS
from tests.faults.history import History

_OPEN_RUNS = 4
_ANSWER_SECONDS = 10
_NO_PATIENCE_SHARE, _NO_PATIENCE_SECONDS = 0.1, 0.002
"""How many requests are sent and not waited for, as by a client that dies: mostly they are carried out all the same."""
_PAUSE_SECONDS = 0.1
_GIVE_UP_SECONDS = 120
_FINAL = ("succeeded", "failed", "cancelled")


class Client(threading.Thread):
    """One client with a few runs under way at a time. What it does follows from its seed; when, from the services."""

    def __init__(self, name: str, seed: str, addresses: Sequence[str], key: str, history: History, seconds: tuple[float, float]):
        super().__init__(name=name, daemon=True)
        self.answers: Counter[int] = Counter()
        """How many answers had each status."""
        self._random = random.Random(seed)
        self._addresses = addresses
        self._history = history
        self._seconds = seconds
        self._http = httpx2.Client(headers={"Authorization": f"Bearer {key}"}, timeout=_ANSWER_SECONDS, trust_env=False)
        self._stopping = threading.Event()
        self._open: list[str] = []
        self._ended: list[str] = []
        self._asked = 0

    def stop(self) -> None:
        """Ask for nothing more; what was asked for is still answered."""
        self._stopping.set()

    def run(self) -> None:
        """Ask until told to stop."""
        with self._http:
            while not self._stopping.is_set():
                self._next()
                while len(self._open) >= _OPEN_RUNS and not self._stopping.is_set():
                    self._look()

    def _next(self) -> None:
        draw = self._random.random()
        if draw < 0.1 and self._ended:
            source = self._random.choice(("failed", "failed", "start"))
            self._ask("retry", f"/runs/{self._random.choice(self._ended)}/retry", {"from": source})
        elif draw < 0.2 and self._open:
            self._ask("cancel", f"/runs/{self._random.choice(self._open)}/cancel", {})
        else:
            (job,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            seconds = round(self._random.uniform(*self._seconds), 3)
            self._ask("run", f"/jobs/{job}_job/runs", {"params": {"seconds": seconds}})

    def _ask(self, verb: str, path: str, body: dict[str, Any]) -> None:
        """Ask under one key until there is an answer, at whichever service."""
        self._asked += 1
        key = f"{self.name}-{self._asked}"
        about = {"run": path.split("/")[2]} if verb != "run" else {}
        self._history.write("client", "invoke", key=key, verb=verb, **about)
        if verb != "cancel":
            body["note"] = key
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        patience = _NO_PATIENCE_SECONDS if self._random.random() < _NO_PATIENCE_SHARE else _ANSWER_SECONDS
        while time.monotonic() < deadline:
            answer = self._post(path, key, body, patience)
            patience = _ANSWER_SECONDS
            if isinstance(answer, str) or answer.status_code >= 500 or answer.status_code == 429:
                error = answer if isinstance(answer, str) else f"{answer.status_code} {answer.text[:500]}"
                self._history.write("client", "info", key=key, error=error)
                threading.Event().wait(_PAUSE_SECONDS)
            elif answer.status_code >= 400:
                self._history.write("client", "fail", key=key, status=answer.status_code, error=answer.text[:500])
                return
            else:
                run = answer.json()["id"]
                self._history.write("client", "ok", key=key, run=run)
                if verb != "cancel":
                    self._open.append(run)
                return

    def _post(self, path: str, key: str, body: dict[str, Any], patience: float) -> httpx2.Response | str:
        """The answer, or why there is none."""
        headers = {"Idempotency-Key": key} if "cancel" not in path else {}
        url = f"{self._random.choice(self._addresses)}/api/v1{path}"
        try:
            answer = self._http.post(url, json=body, headers=headers, timeout=patience)
        except httpx2.TransportError as error:
            return f"{type(error).__name__}: {error}"
        self.answers[answer.status_code] += 1
        return answer

    def _look(self) -> None:
        """See which of the own runs have ended, waiting a moment for the oldest."""
        run = self._open[0]
        try:
            answer = self._http.get(f"{self._addresses[0]}/api/v1/runs/{run}?wait=1")
        except httpx2.TransportError:
            threading.Event().wait(_PAUSE_SECONDS)
            return
        self.answers[answer.status_code] += 1
        if answer.status_code == 200 and answer.json()["status"] in _FINAL:
            self._open.remove(run)
            self._ended.append(run)
        else:
            self._open.append(self._open.pop(0))
