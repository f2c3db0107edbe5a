"""Questions of a face, answered in this process: a registered query's result as JSON or Arrow, or why there is none."""

import inspect
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from app import clock
from app.definitions import registry
from app.definitions.encoded import Encoded
from app.definitions.lake import Lake
from app.definitions.names import suggestion
from app.definitions.op import Query
from app.errors import NotFound, OpenbellError
from app.runner.call import params_of
from app.runner.failure import describe
from app.runner.frames import as_form, is_frame
from app.runner.lake import open_lake
from app.runner.logs import Journal, StepLog
from app.runner.values import to_json
from app.settings import Settings

RESULT_LIMIT = 16 * 2**20
"""Bytes that an answer may have as JSON; rows go as Arrow."""


class QueryContext:
    """What a query's `context` parameter receives."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self.settings = settings
        self.data_dir: Path = settings.data_dir
        self.log = StepLog(journal)
        self._emitter = journal.emitter

    @cached_property
    def lake(self) -> Lake:
        """The lake at its newest snapshot."""
        return open_lake(self._emitter, self.data_dir)

    def lake_at(self, snapshot: int) -> Lake:
        """The lake as that snapshot has it."""
        return open_lake(self._emitter, self.data_dir, snapshot)

    def sessions(self, calendar: str = "XSHG") -> list[date]:
        """Every known session of an exchange."""
        return [date.fromisoformat(text) for text in self._emitter.ask("sessions", {"calendar": calendar})]

    def now(self) -> datetime:
        """The present instant, UTC."""
        return clock.now()


def answer(message: dict[str, Any], journal: Journal, settings: Settings) -> None:
    """Run the query that the message names and send its answer."""
    head = {"type": "answer", "id": message["id"]}
    try:
        result = _run(message["name"], message["params"], QueryContext(journal, settings))
        if isinstance(result, Encoded):
            journal.emitter.emit({**head, "arrow": True, "facts": result.facts}, payload=result.content)
            return
        if is_frame(result):
            journal.emitter.emit({**head, "arrow": True}, payload=_stream(result))
            return
        reply = {**head, "result": to_json(result, f"the answer of query {message['name']!r}", limit=RESULT_LIMIT)}
    except BaseException as error:
        reply = {**head, "error": {**describe(error), **_faults(error)}}
    journal.emitter.emit(reply)


def _faults(error: BaseException) -> dict[str, Any]:
    """What a refusal says of single places, apart from its sentence: the face shows where."""
    if not isinstance(error, OpenbellError) or not error.faults:
        return {}
    return {"message": error.detail, "faults": [[fault.pointer, fault.message] for fault in error.faults]}


def reveal(message: dict[str, Any], journal: Journal, settings: Settings) -> None:
    """Make the view of the snapshot that the message bears, and say so or why not."""
    state = message["state"]
    reply = {"type": "revealed", "snapshot": state["snapshot"]}
    try:
        open_lake(journal.emitter, settings.data_dir).published(state)
    except BaseException as error:
        reply["error"] = describe(error)
    journal.emitter.emit(reply)


def tidy(message: dict[str, Any], journal: Journal, settings: Settings) -> None:
    """Take away what is not among the files that the message names, and say how much it was or why it failed."""
    reply: dict[str, Any] = {"type": "tidied", "files": 0}
    try:
        reply["files"] = open_lake(journal.emitter, settings.data_dir).tidy(message["named"], message["age_seconds"])
    except BaseException as error:
        reply["error"] = describe(error)
    journal.emitter.emit(reply)


def _run(name: str, params: dict[str, Any], context: QueryContext) -> Any:
    query = registry.queries.get(name)
    if query is None:
        raise NotFound(f"There is no query {name!r}{suggestion(name, registry.queries)}.")
    given = params_of(f"query {name!r}", query.params_model, params)
    return query.function(context, **given) if _wants_context(query) else query.function(**given)


def _wants_context(query: Query) -> bool:
    return next(iter(inspect.signature(query.function).parameters), None) == "context"


def _stream(frame: Any) -> bytes:
    import pyarrow as pa

    table = as_form(frame, "arrow")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
