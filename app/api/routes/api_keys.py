"""API keys: made, listed, revoked; only their hash is kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from app import clock
from app.api.access import ADMIN, Admin
from app.api.answers import BASE, answer
from app.api.asking import Manager
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.operation import ApiKey, ApiKeyIn, NewApiKey
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items
from app.errors import Fault, Invalid

api_keys = APIRouter(prefix="/api-keys", tags=["api-keys"], route_class=Route)


@api_keys.post("", status_code=201, response_model=NewApiKey)
def create_api_key(manager: Manager, who: Admin, asked: ApiKeyIn) -> Any:
    """Make a key; its text is in this answer alone."""
    if asked.expires_at is not None and asked.expires_at <= clock.now():
        raise Invalid("The key is not valid.", faults=[Fault("/expires_at", "lies in the past")])
    made = manager.create_key(asked.name, asked.role, by=who.id, expires_at=asked.expires_at)
    return answer(NewApiKey, made, 201, {"Location": f"{BASE}/api-keys/{made['id']}"})


@api_keys.get("", response_model=Items[ApiKey], dependencies=[ADMIN])
def list_api_keys(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """Every key, without its text."""
    return page.of_all(manager.list_keys(), "id")


@api_keys.get("/{key_id}", response_model=ApiKey, dependencies=[ADMIN])
def get_api_key(manager: Manager, key_id: str) -> Any:
    """A key, without its text."""
    return manager.get_key(key_id)


@api_keys.delete("/{key_id}", response_model=ApiKey, responses=problems(409))
def revoke_api_key(request: Request, manager: Manager, who: Admin, key_id: str) -> Any:
    """Make a key useless."""
    revoked = manager.revoke_key(key_id, by=who.id)
    request.app.state.keyring.forget()
    return revoked
