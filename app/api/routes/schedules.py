"""Schedules: fire jobs by time; what they will do, and what they did."""

from typing import Annotated, Any

from fastapi import Query

from app.api.access import VIEWER
from app.api.asking import Document, Manager, body_of
from app.api.routes.definitions import Noun, add_list, add_pausing, router
from app.api.routes.firings import add_firings
from app.api.schemas.definitions import Schedule
from app.api.schemas.shown import Items
from app.api.schemas.timing import Preview, PreviewQuery
from app.definitions.schedule import ScheduleDocument
from app.manager import PipelineManager

_EXAMPLE = {
    "name": "liquid_stocks_schedule",
    "job": "liquid_stocks_job",
    "at": "close+30m",
    "calendar": "XSHG",
    "trade_date": "same",
}
_NOUN = Noun("schedule", Schedule, Items[Schedule], body_of(ScheduleDocument, _EXAMPLE), PipelineManager.timing_view)
schedules = router(_NOUN)
add_list(schedules, _NOUN)
add_pausing(schedules, _NOUN)
add_firings(schedules, "schedule")

Asked = Annotated[PreviewQuery, Query()]


@schedules.post("/preview", response_model=Preview, openapi_extra=_NOUN.body, dependencies=[VIEWER])
def preview_document(manager: Manager, sent: Document, asked: Asked) -> Any:
    """What a schedule of this document would do; it is not stored, and needs no name."""
    return manager.preview_document({"name": "preview", **sent}, asked.from_, asked.until, asked.count)


@schedules.get("/{name}/preview", response_model=Preview, dependencies=[VIEWER])
def preview_schedule(manager: Manager, name: str, asked: Asked) -> Any:
    """What a schedule will do, moment by moment, and why."""
    return manager.preview(name, asked.from_, asked.until, asked.count)
