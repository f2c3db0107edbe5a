"""Following a run over the end of its service: what is asked of one that went away is asked again once one is back."""

import json
import time
from collections.abc import Iterator
from typing import Any

from app import settings as configuration
from app.cli import screen
from app.cli.service import NoService, Refused, Service, connect

_RESTART_SECONDS = 60
"""How long a start may take, on top of the grace of the one that ends."""
_LOOK_SECONDS = 0.2


class Patient:
    """A service, and the next one on its data dir; `given_up` says what then becomes of what was followed."""

    def __init__(self, service: Service, given_up: str, seconds: float | None = None) -> None:
        self._service = service
        self._given_up = given_up
        self._seconds = min(_RESTART_SECONDS + configuration.load().grace_seconds, seconds if seconds is not None else 1e9)
        self._since: float | None = None

    def get(self, path: str, **params: Any) -> Any:
        """What stands there. Raises NoService when none came back in time, Refused."""
        while True:
            try:
                answer = self._service.get(path, **params)
            except (NoService, Refused) as error:
                self._wait(error)
            else:
                self._back()
                return answer

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The data of an event stream up to its event `end`, each event once. Raises NoService, Refused."""
        last = None
        while True:
            event: dict[str, str] = {}
            try:
                for line in self._service.lines(path, "text/event-stream", last):
                    self._back()
                    if line:
                        field, _, value = line.partition(": ")
                        event[field] = value
                        continue
                    if event.get("event") == "end":
                        return
                    last = event.get("id", last)
                    if "data" in event:
                        yield json.loads(event["data"])
                    event = {}
                raise NoService("The service ended the stream.")
            except (NoService, Refused) as error:
                self._wait(error)

    def _wait(self, error: NoService | Refused) -> None:
        """Sleep for a moment, then look for a service. Raises the error when it is another's, or too much time has passed."""
        if isinstance(error, Refused) and error.status != 503:
            raise error
        now = time.monotonic()
        if self._since is None:
            self._since = now
            screen.complain(f"{error.detail} Waiting for it, for {self._seconds:.0f} s at most.")
        if now - self._since >= self._seconds:
            raise NoService(error.detail, hint=self._given_up) from None
        time.sleep(_LOOK_SECONDS)
        try:
            self._service = connect()
        except NoService:
            return  # asked of the old one, which says so again

    def _back(self) -> None:
        if self._since is not None:
            self._since = None
            screen.complain("It is back.")
