"""Snapshots: every publication by its number; keeping one longer, and putting one in place again."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.answers import BASE, answer
from app.api.asking import IdempotencyKey, Manager, body_of
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items
from app.api.schemas.snapshots import REASON, ReasonIn, Snapshot, SnapshotSummary

snapshots = APIRouter(prefix="/snapshots", tags=["snapshots"], route_class=Route)
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_BODY = body_of(ReasonIn, REASON)


@snapshots.get("", response_model=Items[SnapshotSummary], dependencies=[VIEWER])
def list_snapshots(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """Snapshots, newest first: who made each, and what it changed."""
    found = manager.list_snapshots(before=page.after_number(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["snapshot"])


@snapshots.get("/{number}", response_model=Snapshot, dependencies=[VIEWER])
def get_snapshot(manager: Manager, number: Number) -> Any:
    """A snapshot: what each dataset names in it, and by which run."""
    return manager.get_snapshot(number)


@snapshots.post("/{number}/pin", response_model=Snapshot, responses=problems(409), openapi_extra=_BODY)
def pin_snapshot(manager: Manager, who: Operator, number: Number, asked: ReasonIn) -> Any:
    """Keep a snapshot until it is unpinned."""
    return manager.pin_snapshot(number, asked.reason, by=who.id)


@snapshots.post("/{number}/unpin", response_model=Snapshot)
def unpin_snapshot(manager: Manager, who: Operator, number: Number) -> Any:
    """Keep a snapshot no longer than others."""
    return manager.unpin_snapshot(number, by=who.id)


@snapshots.post("/{number}/restore", status_code=201, response_model=Snapshot, responses=problems(409), openapi_extra=_BODY)
def restore_snapshot(manager: Manager, who: Operator, number: Number, key: IdempotencyKey, asked: ReasonIn) -> Any:
    """Publish a snapshot's files again, as a new one: the newest."""
    made, replayed = manager.restore_snapshot(number, asked.reason, by=who.id, idempotency_key=key)
    headers = {"Location": f"{BASE}/snapshots/{made['snapshot']}", **({"Idempotent-Replayed": "true"} if replayed else {})}
    found: Response = answer(Snapshot, made, 201, headers)
    return found
