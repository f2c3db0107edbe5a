"""The ledger: what came of every moment at which something could have fired."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.route import Route
from app.api.schemas.shown import Items
from app.api.schemas.timing import Firing, FiringsQuery
from app.manager import Kind, PipelineManager

firings = APIRouter(prefix="/firings", tags=["firings"], route_class=Route)


@firings.get("", response_model=Items[Firing], dependencies=[VIEWER])
def list_firings(manager: Manager, page: Annotated[FiringsQuery, Query()]) -> Any:
    """The firings of all schedules and triggers, the latest decided first."""
    return _page(manager, page, None, None)


def add_firings(made: APIRouter, kind: Literal["schedule", "trigger"]) -> None:
    """The ledger of one schedule or trigger."""

    def listed(manager: Manager, name: str, page: Annotated[FiringsQuery, Query()]) -> Any:
        return _page(manager, page, kind, name)

    listed.__name__, listed.__doc__ = f"list_{kind}_firings", f"What came of each moment of a {kind}, the latest decided first"
    made.get("/{name}/firings", response_model=Items[Firing], dependencies=[VIEWER])(listed)


def _page(manager: PipelineManager, page: FiringsQuery, kind: Kind | None, name: str | None) -> dict[str, Any]:
    wanted = {"outcome": page.outcome, "since": page.since, "until": page.until}
    found = manager.list_firings(kind, name, before=page.after_number(), limit=page.limit + 1, **wanted)
    return page.shown(found, lambda row: row, lambda row: row["seq"])
