"""Calendars: which days are sessions, as far as is known, and what people know better than the source."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from app import clock
from app.api.access import VIEWER, Operator
from app.api.answers import BASE, answer
from app.api.asking import Document, Manager, body_of, same_name
from app.api.paging import Page
from app.api.route import CsvRoute, Route
from app.api.schemas.calendars import Calendar, CalendarQuery, OverrideOut, OverridesQuery, Sessions
from app.api.schemas.problem import Responses, problems
from app.api.schemas.shown import DayIn, Items
from app.definitions.custom_calendar import CalendarDocument
from app.definitions.overrides import OverrideDocument, OverridesDocument
from app.errors import Fault, Invalid

calendars = APIRouter(prefix="/calendars", tags=["calendars"], route_class=Route)
listed = APIRouter(route_class=CsvRoute)
_EXAMPLE = {
    "timezone": "America/New_York",
    "hours": [{"since": "2026-01-01", "phases": [["continuous", "09:30", "16:00"]]}],
    "sessions": ["2026-11-25", "2026-11-27", "2026-11-30"],
    "special": [{"date": "2026-11-27", "phases": [["continuous", "09:30", "13:00"]]}],
    "known_until": "2026-11-30",
}
_BODY = body_of(CalendarDocument, _EXAMPLE)
_NEW: Responses = {201: {"model": Calendar, "description": "It is new."}, **problems(409)}
_TYPHOON = {"date": "2026-11-24", "session": False, "reason": "typhoon signal 8"}
_OVERRIDES = body_of((OverrideDocument, OverridesDocument), _TYPHOON)
_CSV = "date,session,reason\n2026-11-24,false,typhoon signal 8\n"
_OVERRIDES["requestBody"]["content"]["text/csv"] = {"schema": {"type": "string"}, "example": _CSV}


@calendars.get("", response_model=Items[Calendar], dependencies=[VIEWER])
def list_calendars(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """The calendars and their horizons."""
    return page.of_all(manager.list_calendars(), "id")


@calendars.get("/{name}", response_model=Sessions, dependencies=[VIEWER])
def get_calendar(manager: Manager, name: str, asked: Annotated[CalendarQuery, Query()]) -> Any:
    """A calendar's hours and its known sessions of a range."""
    first = asked.from_ or clock.market_date().replace(month=1, day=1)
    if asked.to is not None and asked.to < first:
        raise Invalid("The query is not valid.", faults=[Fault("/query/to", f"lies before from ({first})")])
    return manager.sessions(name, first, asked.to)


@calendars.put("/{name}", response_model=Calendar, responses=_NEW, openapi_extra=_BODY)
def put_calendar(manager: Manager, who: Operator, name: str, sent: Document) -> Any:
    """Make a calendar of your own, or change it; those of a source take overrides."""
    view, created = manager.save_calendar(same_name(sent, name), by=who.id)
    return answer(Calendar, view, 201 if created else 200, {"Location": f"{BASE}/calendars/{view['id']}"})


@calendars.delete("/{name}", status_code=204, responses=problems(409))
def delete_calendar(manager: Manager, who: Operator, name: str) -> Response:
    """Remove a calendar of your own that no job and no schedule names."""
    manager.delete_calendar(name, by=who.id)
    return Response(status_code=204)


@listed.post("/{name}/overrides", response_model=Calendar, openapi_extra=_OVERRIDES)
def override_calendar(
    manager: Manager, who: Operator, name: str, sent: Document, asked: Annotated[OverridesQuery, Query()]
) -> Any:
    """Say of one day or many what they are, as JSON or as CSV, all or none; it holds at once."""
    beside = asked.model_dump(mode="json", exclude_none=True)
    if beside and "csv" not in sent:
        faults = [Fault(f"/query/{field}", "goes with a body of CSV; in JSON it is a field of the document") for field in beside]
        raise Invalid("The query is not valid.", faults=faults)
    return manager.override(name, {**sent, **beside}, by=who.id)


@calendars.get("/{name}/overrides", response_model=Items[OverrideOut], dependencies=[VIEWER])
def list_overrides(manager: Manager, name: str, page: Annotated[Page, Query()]) -> Any:
    """What people said of days, by date."""
    found = manager.overrides(name, after=page.after_day(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["date"])


@calendars.delete("/{name}/overrides/{day}", status_code=204, responses=problems(409))
def delete_override(manager: Manager, who: Operator, name: str, day: DayIn) -> Response:
    """Take an override back: the source's word holds at once."""
    manager.delete_override(name, day, by=who.id)
    return Response(status_code=204)


calendars.include_router(listed)
