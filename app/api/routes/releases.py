"""Releases: trade dates for which every dataset stands in one snapshot."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.problem import problems
from app.api.schemas.releases import Release, ReleaseWithHistory
from app.api.schemas.shown import DayIn, Items

releases = APIRouter(prefix="/releases", tags=["releases"], route_class=Route)


@releases.get("", response_model=Items[Release], dependencies=[VIEWER])
def list_releases(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """How each trade date stands, newest date first."""
    found = manager.list_releases(before=page.after_day(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["trade_date"])


@releases.get("/latest", response_model=ReleaseWithHistory, responses=problems(404), dependencies=[VIEWER])
def get_latest_release(manager: Manager) -> Any:
    """The newest trade date that readers have."""
    return manager.get_release()


@releases.get("/{trade_date}", response_model=ReleaseWithHistory, dependencies=[VIEWER])
def get_release(manager: Manager, trade_date: DayIn) -> Any:
    """A trade date, and everything that became of it."""
    return manager.get_release(trade_date)
