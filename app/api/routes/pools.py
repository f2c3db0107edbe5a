"""Pools: named limits over runs of any job."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.access import VIEWER, Admin
from app.api.answers import BASE, answer
from app.api.asking import Document, Manager, body_of, same_name
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.operation import Pool
from app.api.schemas.problem import Responses, problems
from app.api.schemas.shown import Items
from app.definitions.pool import PoolDocument

pools = APIRouter(prefix="/pools", tags=["pools"], route_class=Route)
_EXAMPLE = {"name": "vendor", "size": 2, "description": "Sessions that the vendor allows."}
_BODY = body_of(PoolDocument, _EXAMPLE)
_KNOWN: Responses = {200: {"model": Pool, "description": "The same pool is known already."}, **problems(409)}
_NEW: Responses = {201: {"model": Pool, "description": "It is new."}}


@pools.post("", status_code=201, response_model=Pool, responses=_KNOWN, openapi_extra=_BODY)
def create_pool(manager: Manager, who: Admin, sent: Document) -> Any:
    """Make a pool."""
    return _saved(*manager.save_pool(sent, by=who.id, create_only=True))


@pools.put("/{name}", response_model=Pool, responses=_NEW, openapi_extra=_BODY)
def put_pool(manager: Manager, who: Admin, name: str, sent: Document) -> Any:
    """Make a pool, or give it another size."""
    return _saved(*manager.save_pool(same_name(sent, name), by=who.id))


def _saved(pool: dict[str, Any], created: bool) -> Response:
    return answer(Pool, pool, 201 if created else 200, {"Location": f"{BASE}/pools/{pool['name']}"})


@pools.get("", response_model=Items[Pool], dependencies=[VIEWER])
def list_pools(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """The pools by name."""
    return page.of_all(manager.list_pools(), "name")


@pools.get("/{name}", response_model=Pool, dependencies=[VIEWER])
def get_pool(manager: Manager, name: str) -> Any:
    """A pool, and how many of its slots are held."""
    return manager.get_pool(name)


@pools.delete("/{name}", status_code=204, responses=problems(409))
def delete_pool(manager: Manager, who: Admin, name: str) -> Response:
    """Remove a pool that nothing holds."""
    manager.delete_pool(name, by=who.id)
    return Response(status_code=204)
