"""What an operator looks at: workers, the queue, every change as it happens, and who made it."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import ADMIN, VIEWER
from app.api.asking import Manager, Watching
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.operation import AuditEntry, Queue, StreamQuery, Worker
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items
from app.api.streams import EventStream, transitions

operation = APIRouter(tags=["operation"], route_class=Route)


@operation.get("/workers", response_model=Items[Worker], dependencies=[VIEWER])
def list_workers(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """Registered workers and their leases."""
    return page.of_all(manager.workers(), "id")


@operation.get("/queue", response_model=Queue, dependencies=[VIEWER])
def get_queue(manager: Manager) -> Any:
    """What waits and what runs."""
    return manager.queue()


@operation.get("/audit", response_model=Items[AuditEntry], dependencies=[ADMIN])
def list_audit(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """Who changed what, newest first."""
    found = manager.audit_page(before=page.after_number(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["seq"])


@operation.get("/stream", status_code=200, response_class=EventStream, responses=problems(429), dependencies=[VIEWER])
async def stream_transitions(
    request: Request,
    watch: Watching,
    asked: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Every change of state as it happens, as server-sent events."""
    return await transitions(watch, request, asked, last_event_id)
