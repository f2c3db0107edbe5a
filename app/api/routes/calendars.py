"""Calendars: which days are sessions, as far as is known."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app import clock
from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.operation import Calendar, CalendarQuery, Sessions
from app.api.schemas.shown import Items
from app.errors import Fault, Invalid

calendars = APIRouter(prefix="/calendars", tags=["calendars"], route_class=Route)


@calendars.get("", response_model=Items[Calendar], dependencies=[VIEWER])
def list_calendars(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """The calendars and their horizons."""
    return page.of_all(manager.list_calendars(), "id")


@calendars.get("/{name}", response_model=Sessions, dependencies=[VIEWER])
def get_calendar(manager: Manager, name: str, asked: Annotated[CalendarQuery, Query()]) -> Any:
    """A calendar's known sessions of a range."""
    first = asked.from_ or clock.market_date().replace(month=1, day=1)
    if asked.to is not None and asked.to < first:
        raise Invalid("The query is not valid.", faults=[Fault("/query/to", f"lies before from ({first})")])
    return manager.sessions(name, first, asked.to)
