"""Deadlines: by when each trade date's result is promised, and what became of that."""

from typing import Annotated, Any

from fastapi import Query

from app.api.access import VIEWER
from app.api.asking import Manager, body_of
from app.api.paging import Page
from app.api.routes.definitions import Noun, add_list, add_pausing, router
from app.api.schemas.deadlines import Deadline, Promise
from app.api.schemas.shown import Items
from app.definitions.deadline import DeadlineDocument
from app.manager import PipelineManager

_EXAMPLE = {"name": "liquid_stocks_by_eight", "job": "liquid_stocks_job", "at": "20:00", "calendar": "XSHG"}
_NOUN = Noun("deadline", Deadline, Items[Deadline], body_of(DeadlineDocument, _EXAMPLE), PipelineManager.deadline_view)
deadlines = router(_NOUN)
add_list(deadlines, _NOUN)
add_pausing(deadlines, _NOUN)


@deadlines.get("/{name}/promises", response_model=Items[Promise], dependencies=[VIEWER])
def list_promises(manager: Manager, name: str, page: Annotated[Page, Query()]) -> Any:
    """What became of each trade date, the newest first."""
    found = manager.list_promises(name, before=page.after_day(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["trade_date"])
