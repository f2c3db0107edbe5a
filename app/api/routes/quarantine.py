"""Quarantine: rows that checks kept out, and letting one in."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.asking import IdempotencyKey, Manager, Watching, body_of
from app.api.route import Route
from app.api.schemas.problem import problems
from app.api.schemas.quarantine import EXAMPLE, OverrideIn, QuarantinedRow, QuarantinePage
from app.api.schemas.runs import Run
from app.api.schemas.shown import Items
from app.api.waiting import WAITED, Wait
from app.manager.corrections import JOB

quarantine = APIRouter(prefix="/quarantine", tags=["quarantine"], route_class=Route)


@quarantine.get("", response_model=Items[QuarantinedRow], dependencies=[VIEWER])
def list_quarantine(manager: Manager, page: Annotated[QuarantinePage, Query()]) -> Any:
    """Rows that were kept out, of the newest days first."""
    found = manager.list_quarantine(
        symbol=page.symbol, check=page.check, since=page.since, until=page.until, overridden=page.overridden,
        after=page.after_text(), limit=page.limit + 1,
    )  # fmt: skip
    return page.shown(found, lambda row: row, lambda row: row["fingerprint"])


@quarantine.post(
    "/{fingerprint}/override", status_code=202, response_model=Run, responses={**WAITED, **problems(404, 409, 429)},
    openapi_extra=body_of(OverrideIn, EXAMPLE),
)  # fmt: skip
async def override_quarantine(
    request: Request, manager: Manager, watch: Watching, who: Operator, key: IdempotencyKey, fingerprint: str, asked: OverrideIn,
    wait: Wait = None,
) -> Response:  # fmt: skip
    """Let a row in, now and whenever it comes again: one run, one publication."""

    def make() -> tuple[dict[str, Any], bool]:
        if wait is not None:
            manager.require_worker()
        wanted = manager.override_request(fingerprint, reason=asked.reason, who=asked.who or who.name)
        return manager.enqueue(JOB, wanted, by=who.id, idempotency_key=key)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, wait, replayed=replayed)
