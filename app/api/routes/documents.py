"""Definitions as files: all of them as their files have them; a folder of them, planned or applied."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.access import VIEWER, Admin, Operator
from app.api.asking import Manager, body_of
from app.api.paging import Page
from app.api.route import FolderRoute
from app.api.schemas.documents import Applied, DefinitionFile, FolderIn
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items

documents = APIRouter(prefix="/definitions", tags=["definitions"], route_class=FolderRoute)
_EXAMPLE = {
    "documents": {
        "pools/vendor.json": {"size": 2, "description": "Sessions that the vendor allows."},
        "jobs/liquid_stocks_job.json": {"pipeline": "liquid_stocks", "tags": {"type": "research"}, "paused": True},
    },
    "prune": False,
}
_BODY = body_of(FolderIn, _EXAMPLE)


@documents.get("", response_model=Items[DefinitionFile], dependencies=[VIEWER])
def list_definitions(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """Every definition and pool as its file has it, by path."""
    return page.of_all(manager.definition_files(), "path")


@documents.post("/plan", response_model=Applied, openapi_extra=_BODY)
def plan_definitions(manager: Manager, who: Operator, asked: FolderIn) -> Any:
    """What applying a folder would do; nothing is changed."""
    return manager.plan_definitions(asked.documents, by=who.id, prune=asked.prune)


@documents.post("/apply", response_model=Applied, openapi_extra=_BODY, responses=problems(409))
def apply_definitions(manager: Manager, who: Admin, asked: FolderIn) -> Any:
    """Make the definitions what a folder says: all of it, or nothing and every fault of every file."""
    return manager.apply_definitions(asked.documents, by=who.id, prune=asked.prune)
