"""Factors of one's own: whether they are up to date, and how good they were."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.route import Route
from app.api.schemas.factors import Factor, FactorPage
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items

factors = APIRouter(prefix="/factors", tags=["factors"], route_class=Route)


@factors.get("", response_model=Items[Factor], responses=problems(503), dependencies=[VIEWER])
def list_factors(manager: Manager, page: Annotated[FactorPage, Query()]) -> Any:
    """The factors of one's own, in order of their names."""
    return page.of_all(manager.list_factors(sessions=page.sessions, horizon=page.horizon), "factor")
