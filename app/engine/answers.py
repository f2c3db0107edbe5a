"""What a run's process asks of its worker: its base snapshot, the exchange's sessions, a publication."""

from collections.abc import Callable
from typing import Any

from app.definitions.messages import Ask, Reply
from app.errors import LeaseLost, OpenbellError, Unavailable
from app.store import calendars, lake, reproduction, runs, steps
from app.store.database import Connection, Database
from app.store.fence import Fence


def _sessions(database: Database, calendar: str) -> list[str]:
    with database.read() as connection:
        calendars.get(connection, calendar)
        return [day.isoformat() for day in calendars.between(connection, calendar)]


def newest(database: Database) -> Callable[[Ask], Reply]:
    """Answers what a query asks: it reads the newest snapshot or the one that it names, and publishes nothing."""

    def answer(ask: Ask) -> Reply:
        result: Any
        if ask["what"] == "sessions":
            result = _sessions(database, ask["params"]["calendar"])
        elif ask["what"] == "snapshot":
            with database.read() as connection:
                named = ask["params"].get("snapshot")
                result = lake.state(connection, lake.newest(connection) if named is None else named)
        else:
            return {"type": "reply", "id": ask["id"], "error": "a query publishes nothing"}
        return {"type": "reply", "id": ask["id"], "result": result}

    return answer


class Answers:
    """Answers one attempt's questions under its fence."""

    def __init__(
        self,
        database: Database,
        fence: Fence,
        write: Callable[[Callable[[Connection], Any]], Any],
        maintain: Callable[[str], dict[str, Any]],
    ) -> None:
        self._database = database
        self._maintain = maintain
        self._fence = fence
        self._write = write

    def answer(self, ask: Ask, before: list[Any]) -> Reply:
        """Write down what happened before the question, then answer it. Raises LeaseLost."""
        try:
            return {"type": "reply", "id": ask["id"], "result": self._result(ask, before)}
        except LeaseLost:
            raise
        except OpenbellError as error:
            return {"type": "reply", "id": ask["id"], "error": str(error)}

    def _result(self, ask: Ask, before: list[Any]) -> Any:
        params = ask["params"]
        if ask["what"] == "publish":
            return self._write(lambda connection: self._publish(connection, params, before))
        if before:
            self._write(lambda connection: steps.record(connection, self._fence, before))
        if ask["what"] == "snapshot":
            return self._write(lambda connection: lake.base(connection, self._fence))
        if ask["what"] == "maintain":
            return self._maintain(params["duty"])
        return _sessions(self._database, params["calendar"])

    def _publish(self, connection: Connection, params: Any, before: list[Any]) -> dict[str, Any]:
        """The snapshot and the end of the step that publishes it: one transaction."""
        if before:
            steps.record(connection, self._fence, before)
        outcome, state = self._named(connection, params)
        if params["end"] is not None and outcome != "conflict":
            steps.record(connection, self._fence, [params["end"]])
        return {"outcome": outcome, "state": state}

    def _named(self, connection: Connection, params: Any) -> tuple[lake.Outcome, Any]:
        original = reproduction.original_of(connection, self._fence)
        if original is not None:
            return "unchanged", reproduction.compare(connection, self._fence, params["publication"], original)
        return lake.publish(connection, self._fence, params["node"], params["publication"])

    def cancel_requested(self) -> bool:
        """Whether somebody asked the run to stop. Raises LeaseLost when another attempt owns it."""
        try:
            with self._database.read() as connection:
                run = runs.get(connection, self._fence.run_id)
        except Unavailable:
            return False  # asked again soon
        if run["attempt"] != self._fence.attempt or run["worker"] != self._fence.worker:
            raise LeaseLost
        return run["cancel_requested_at"] is not None
