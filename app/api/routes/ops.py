"""Ops: what pipelines may be made of."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.operation import Ops
from app.definitions.catalogue import OpSpec
from app.definitions.names import suggestion
from app.errors import NotFound

ops = APIRouter(prefix="/ops", tags=["ops"], route_class=Route)


@ops.get("", response_model=Ops, dependencies=[VIEWER])
def list_ops(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """The catalogue: ops by name, and modules that are broken."""
    catalogue = manager.catalogue()
    after = page.after_text() or ""
    found = sorted((op for op in catalogue.ops if op.name > after), key=lambda op: op.name)
    return {**page.shown(found, lambda op: op, lambda op: op.name), "broken": catalogue.broken}


@ops.get("/{name}", response_model=OpSpec, dependencies=[VIEWER])
def get_op(manager: Manager, name: str) -> Any:
    """An op, by its name or an alias."""
    catalogue = manager.catalogue()
    if (op := catalogue.op(name)) is None:
        raise NotFound(f"There is no op {name!r}{suggestion(name, catalogue.by_name)}")
    return op
