"""A run process outside the slots that answers read-only questions: what exists, previews, coverage, health."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from app import errors
from app.definitions.catalogue import Catalogue
from app.definitions.encoded import Encoded
from app.definitions.lake import SnapshotState
from app.definitions.messages import Ask, Event, Reply
from app.engine.child import Child, ChildLost
from app.engine.forkserver import ForkServer
from app.errors import OpenbellError, Unavailable

log = logging.getLogger(__name__)

Answerer = Callable[[Ask], Reply]
_START_SECONDS = 60
_REVEAL_SECONDS = 600


class QueryChild:
    """Answers one question at a time; any thread may ask. A process that is lost or too slow is replaced.

    `answer` answers what the process asks in turn (`snapshot`: the newest one, `sessions`); without it such questions fail.
    """

    def __init__(self, forkserver: ForkServer, answer: Answerer | None = None) -> None:
        self._forkserver = forkserver
        self._answer = answer
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._used = 0.0
        self._numbers = itertools.count(1)

    def ask(self, name: str, params: dict[str, Any], timeout: float = 5) -> Any | bytes | Encoded:
        """The answer of a registered query: JSON, an Arrow IPC stream as bytes, or what the query encoded itself.

        Raises Unavailable when it takes longer than `timeout` seconds, and the query's own error as one of `app.errors`.
        """
        message = {"type": "query", "id": next(self._numbers), "name": name, "params": params}
        answer = self._exchange(message, "answer", timeout, f"The query {name!r}")
        if "facts" in answer:
            return Encoded(answer["data"], answer["facts"])
        return answer["data"] if answer.get("arrow") else answer["result"]

    def describe(self) -> Catalogue:
        """What the op modules hold. Waits until they are imported, at most a minute; then raises Unavailable."""
        answer = self._exchange({"type": "describe"}, "catalogue", _START_SECONDS, "The description of the op modules")
        return Catalogue.model_validate(answer["catalogue"])

    def reveal(self, state: SnapshotState) -> None:
        """Make the readers' view of that snapshot. Raises Unavailable when it cannot be made."""
        self._exchange({"type": "reveal", "state": state}, "revealed", _REVEAL_SECONDS, "The view of the snapshot")

    def tidy(self, named: list[str], age_seconds: float) -> int:
        """Take away the lake's files that are not named and older than that; how many. Raises Unavailable when it cannot."""
        message = {"type": "tidy", "named": named, "age_seconds": age_seconds}
        return int(self._exchange(message, "tidied", _REVEAL_SECONDS, "Tidying the lake")["files"])

    def reap_idle(self) -> None:
        """End the process when nobody has asked for long; the next question starts another."""
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._used > self._forkserver.settings.child_idle_seconds:
                    self._replace()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._replace()

    def _exchange(self, message: dict[str, Any], kind: str, timeout: float, subject: str) -> Any:
        deadline = time.monotonic() + timeout
        if not self._lock.acquire(timeout=timeout):
            raise Unavailable(f"{subject} waited for longer than {timeout:g} s for others before it.")
        try:
            answer = self._told(message, kind, deadline)
        except ChildLost as lost:
            self._replace()
            raise Unavailable(f"{subject} has no answer: {lost}.") from None
        except TimeoutError:
            self._replace()
            raise Unavailable(f"{subject} took longer than {timeout:g} s and was ended.") from None
        finally:
            self._used = time.monotonic()
            self._lock.release()
        if error := answer.get("error"):
            raise _raised(error)
        return answer

    def _told(self, message: dict[str, Any], kind: str, deadline: float) -> Any:
        if self._child is not None:
            try:
                return self._until(self._child, message, kind, deadline)
            except ChildLost:
                # It may have ended while nobody asked, and a question may be asked twice.
                self._replace()
        self._child = Child.start(self._forkserver, deadline - time.monotonic())
        return self._until(self._child, message, kind, deadline)

    def _until(self, child: Child, message: dict[str, Any], kind: str, deadline: float) -> Any:
        child.send(message)
        while True:
            received = child.receive(max(deadline - time.monotonic(), 0))
            for event in received.events:
                if event["type"] == kind:
                    return event
                self._hear(child, event)
            for line in received.output:
                log.info("query process: %s", line)
            if received.exit is not None:
                raise ChildLost(received.exit.sentence)
            if time.monotonic() >= deadline:
                raise TimeoutError

    def _hear(self, child: Child, event: Event) -> None:
        if event["type"] == "ask":
            child.send(self._reply(event))
        elif event["type"] == "log":
            log.log(logging.getLevelNamesMapping().get(event["level"].upper(), logging.INFO), "%s", event["message"])

    def _reply(self, ask: Ask) -> Reply:
        if self._answer is None:
            return {"type": "reply", "id": ask["id"], "error": f"nothing here answers {ask['what']!r}"}
        try:
            return self._answer(ask)
        except OpenbellError as error:
            return {"type": "reply", "id": ask["id"], "error": str(error)}

    def _replace(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def _raised(facts: dict[str, Any]) -> OpenbellError:
    log.info("a question was not answered: %s", facts["traceback"])
    for name in facts["classes"]:
        own = getattr(errors, name, None)
        if isinstance(own, type) and issubclass(own, OpenbellError):
            faults = [errors.Fault(pointer, message) for pointer, message in facts.get("faults", ())]
            return own(facts["message"], hint=facts.get("hint"), faults=faults)
    return Unavailable(f"It failed: {facts['type']}: {facts['message']}")
