"""Repairs: a trade date once more from the source, with everything that stands on it."""

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import Operator
from app.api.asking import IdempotencyKey, Manager, Watching, body_of
from app.api.route import Route
from app.api.schemas.problem import problems
from app.api.schemas.repairs import EXAMPLE, RepairIn, RepairPlan
from app.api.schemas.runs import Run
from app.api.waiting import WAITED, Wait
from app.manager.repair import JOB

repairs = APIRouter(prefix="/repairs", tags=["repairs"], route_class=Route)
_BODY = body_of(RepairIn, EXAMPLE)


@repairs.post("/plan", response_model=RepairPlan, responses=problems(404), openapi_extra=_BODY)
def plan_repair(manager: Manager, _who: Operator, asked: RepairIn) -> Any:
    """What a repair would touch at most; nothing is done."""
    return manager.plan_repair(asked.trade_date, asked.symbols)


@repairs.post("", status_code=202, response_model=Run, responses={**WAITED, **problems(404, 409, 429)}, openapi_extra=_BODY)
async def create_repair(
    request: Request, manager: Manager, watch: Watching, who: Operator, key: IdempotencyKey, asked: RepairIn, wait: Wait = None
) -> Response:
    """Fetch a trade date again, and make anew what stands on it: one run, one publication."""

    def make() -> tuple[dict[str, Any], bool]:
        if wait is not None:
            manager.require_worker()
        wanted = manager.repair_request(asked.trade_date, asked.symbols, asked.note)
        return manager.enqueue(JOB, wanted, by=who.id, idempotency_key=key)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, wait, replayed=replayed)
