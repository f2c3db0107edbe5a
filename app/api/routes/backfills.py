"""Backfills: a job done again for the trade dates of a range; planned first, then chunk by chunk."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.answers import BASE, answer
from app.api.asking import Document, IdempotencyKey, Manager, body_of
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.backfills import Backfill, BackfillPlan, BackfillsQuery, ChunkOut
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items
from app.definitions.backfill import EXAMPLE, BackfillDocument

backfills = APIRouter(tags=["backfills"], route_class=Route)
_BODY = body_of(BackfillDocument, EXAMPLE)


@backfills.post("/jobs/{name}/backfills/plan", response_model=BackfillPlan, responses=problems(409), openapi_extra=_BODY)
def plan_backfill(manager: Manager, _who: Operator, name: str, sent: Document) -> Any:
    """What a backfill would do; nothing is stored."""
    return manager.plan_backfill(name, sent)


@backfills.post("/jobs/{name}/backfills", status_code=202, response_model=Backfill, responses=problems(409), openapi_extra=_BODY)
def create_backfill(manager: Manager, who: Operator, name: str, key: IdempotencyKey, sent: Document) -> Any:
    """Do a job again for the trade dates of a range."""
    made, replayed = manager.create_backfill(name, sent, by=who.id, idempotency_key=key)
    headers = {"Location": f"{BASE}/backfills/{made['id']}", **({"Idempotent-Replayed": "true"} if replayed else {})}
    found: Response = answer(Backfill, made, 202, headers)
    return found


@backfills.get("/backfills", response_model=Items[Backfill], dependencies=[VIEWER])
def list_backfills(manager: Manager, page: Annotated[BackfillsQuery, Query()]) -> Any:
    """Backfills, newest first."""
    found = manager.list_backfills(job=page.job, status=page.status, before=page.after_text(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["id"])


@backfills.get("/backfills/{backfill_id}", response_model=Backfill, dependencies=[VIEWER])
def get_backfill(manager: Manager, backfill_id: str) -> Any:
    """A backfill and how far it is."""
    return manager.get_backfill(backfill_id)


@backfills.get("/backfills/{backfill_id}/chunks", response_model=Items[ChunkOut], dependencies=[VIEWER])
def list_backfill_chunks(manager: Manager, backfill_id: str, page: Annotated[Page, Query()]) -> Any:
    """A backfill's chunks in the order in which they are done."""
    found = manager.backfill_chunks(backfill_id, after=page.after_number(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["n"])


@backfills.post("/backfills/{backfill_id}/pause", response_model=Backfill, responses=problems(409))
def pause_backfill(manager: Manager, who: Operator, backfill_id: str) -> Any:
    """Begin no further chunk; what is under way ends."""
    return manager.pause_backfill(backfill_id, by=who.id)


@backfills.post("/backfills/{backfill_id}/resume", response_model=Backfill, responses=problems(409))
def resume_backfill(manager: Manager, who: Operator, backfill_id: str) -> Any:
    """Go on with the next chunk."""
    return manager.resume_backfill(backfill_id, by=who.id)


@backfills.post("/backfills/{backfill_id}/cancel", status_code=202, response_model=Backfill, responses=problems(409))
def cancel_backfill(manager: Manager, who: Operator, backfill_id: str) -> Any:
    """Begin no further chunk, and ask what is under way to stop."""
    return manager.cancel_backfill(backfill_id, by=who.id)
