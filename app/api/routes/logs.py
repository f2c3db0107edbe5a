"""Logs: a page of lines, a text to keep, or the lines as they come."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api import logs as log_files
from app.api.access import VIEWER
from app.api.answers import answer
from app.api.asking import Manager, Watching
from app.api.route import Route
from app.api.schemas.problem import Responses, problems
from app.api.schemas.runs import LogLine, LogsQuery
from app.api.schemas.shown import Items
from app.api.streams import EventStream
from app.errors import Fault, Invalid

logs = APIRouter(prefix="/runs", tags=["runs"], route_class=Route)
_FORMS: Responses = {200: {"content": {"text/plain": {}, "text/event-stream": {}}}}


@logs.get("/{run_id}/logs", response_model=Items[LogLine], responses={**_FORMS, **problems(429)}, dependencies=[VIEWER])
def get_run_logs(
    request: Request,
    manager: Manager,
    watch: Watching,
    run_id: str,
    asked: Annotated[LogsQuery, Query()],
    accept: Annotated[str, Header()] = "*/*",
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """A run's log: JSON, text/plain or text/event-stream, as the header Accept asks."""
    found = log_files.files(manager, run_id, asked.attempt)[1]
    if "text/event-stream" in accept:
        after = _place(last_event_id, "/header/Last-Event-ID") or _place(asked.after_text(), "/query/cursor")
        return EventStream(watch, log_files.follow(watch, request, run_id, asked, after or log_files.BEGINNING))
    if "text/plain" in accept:
        headers = {"Content-Disposition": f'inline; filename="{run_id}.log"'}
        return StreamingResponse(log_files.text(found), headers=headers, media_type="text/plain; charset=utf-8")
    after = _place(asked.after_text(), "/query/cursor") or log_files.BEGINNING
    lines = log_files.page(found, after, asked.limit + 1)
    return answer(Items[LogLine], asked.shown(lines, lambda line: line[1], lambda line: line[0]))


def _place(text: str | None, pointer: str) -> log_files.Place | None:
    try:
        return log_files.place_of(text) if text else None
    except ValueError:
        raise Invalid("The request is not valid.", faults=[Fault(pointer, "is no place in a log")]) from None
