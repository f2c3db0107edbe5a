"""Corrections: values that people put right, over whatever a source says of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.asking import IdempotencyKey, Manager, Watching, body_of
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.corrections import EXAMPLE, Correction, CorrectionIn, CorrectionPlan, Withdrawal
from app.api.schemas.problem import problems
from app.api.schemas.runs import Run
from app.api.schemas.shown import Items
from app.api.waiting import WAITED, Wait
from app.manager.corrections import JOB

corrections = APIRouter(prefix="/datasets/{name}/corrections", tags=["corrections"], route_class=Route)
_BODY = body_of(CorrectionIn, EXAMPLE)
_MADE: Any = {**WAITED, **problems(404, 409, 429)}


class CorrectionsPage(Page):
    """Which part of the corrections, and whose."""

    symbol: str | None = None


@corrections.get("", response_model=Items[Correction], dependencies=[VIEWER])
def list_corrections(manager: Manager, name: str, page: Annotated[CorrectionsPage, Query()]) -> Any:
    """The corrections of a dataset that stand, by instrument, day and column."""
    found = [{**one, "place": _place(one)} for one in manager.list_corrections(name, page.symbol)]
    return page.of_all(found, "place")


@corrections.post("/plan", response_model=CorrectionPlan, responses=problems(404), openapi_extra=_BODY)
def plan_correction(manager: Manager, _who: Operator, name: str, asked: CorrectionIn) -> Any:
    """What a correction would change, or why it may not be; nothing is done."""
    return manager.plan_correction(name, asked.order_book_id, asked.trade_date, asked.values)


@corrections.post("", status_code=202, response_model=Run, responses=_MADE, openapi_extra=_BODY)
async def create_correction(
    request: Request, manager: Manager, watch: Watching, who: Operator, key: IdempotencyKey, name: str, asked: CorrectionIn,
    wait: Wait = None,
) -> Response:  # fmt: skip
    """Put values of one row right and make anew what stands on them: one run, one publication."""

    def make() -> tuple[dict[str, Any], bool]:
        if wait is not None:
            manager.require_worker()
        wanted = manager.correction_request(
            name, asked.order_book_id, asked.trade_date, asked.values, reason=asked.reason, who=asked.who or who.name
        )
        return manager.enqueue(JOB, wanted, by=who.id, idempotency_key=key)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, wait, replayed=replayed)


@corrections.delete("", status_code=202, response_model=Run, responses=_MADE)
async def withdraw_correction(
    request: Request, manager: Manager, watch: Watching, who: Operator, name: str, asked: Annotated[Withdrawal, Query()]
) -> Response:
    """Take corrections of one row back: what the source says stands again. One run, one publication."""

    def make() -> tuple[dict[str, Any], bool]:
        columns = asked.columns.split(",") if asked.columns is not None else None
        wanted = manager.withdrawal_request(
            name, asked.order_book_id, asked.trade_date, columns, reason=asked.reason, who=asked.who or who.name
        )
        return manager.enqueue(JOB, wanted, by=who.id)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, None, replayed=replayed)


def _place(one: dict[str, Any]) -> str:
    return f"{one['order_book_id']} {one['trade_date']} {one['column']}"
