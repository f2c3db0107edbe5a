"""Runs: what happened, and asking one to stop or to be done again."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.answers import answer
from app.api.asking import IdempotencyKey, Manager, Watching, tag_of
from app.api.route import Route
from app.api.schemas.problem import problems
from app.api.schemas.quality import RunQuality
from app.api.schemas.runs import RetryIn, Run, RunsQuery, RunSummary, StepWithAttempts
from app.api.schemas.shown import Items
from app.api.waiting import WAITED, Wait
from app.manager import Filter

runs = APIRouter(prefix="/runs", tags=["runs"], route_class=Route)


@runs.get("", response_model=Items[RunSummary], dependencies=[VIEWER])
def list_runs(manager: Manager, page: Annotated[RunsQuery, Query()]) -> Any:
    """Runs, newest first."""
    wanted = Filter(page.job, page.status, tag_of(page.tag), page.trade_date, page.since, page.until)
    found = manager.list_runs(wanted, before=page.after_text(), limit=page.limit + 1)
    return page.shown(found, lambda run: run, lambda run: run["id"])


@runs.get("/{run_id}", response_model=Run, dependencies=[VIEWER])
async def get_run(request: Request, manager: Manager, watch: Watching, run_id: str, wait: Wait = None) -> Response:
    """A run with its steps; with `wait`, when it is final or the time is up."""
    final = await watch.until_final(request, run_id, wait) if wait else None
    return answer(Run, final or await run_in_threadpool(manager.get_run, run_id))


@runs.get("/{run_id}/steps", response_model=Items[StepWithAttempts], dependencies=[VIEWER])
def list_steps(manager: Manager, run_id: str) -> Any:
    """A run's steps with every attempt."""
    return {"items": manager.run_steps(run_id), "next_cursor": None}


@runs.get("/{run_id}/quality", response_model=RunQuality, dependencies=[VIEWER])
def get_run_quality(manager: Manager, run_id: str) -> Any:
    """What the gates of a run found, whether or not they let its data pass."""
    return manager.run_quality(run_id)


@runs.post("/{run_id}/cancel", status_code=202, response_model=Run, responses={**WAITED, **problems(409)})
async def cancel_run(
    request: Request, manager: Manager, watch: Watching, who: Operator, run_id: str, wait: Wait = None
) -> Response:
    """Ask a run to stop."""
    run = await run_in_threadpool(manager.cancel_run, run_id, by=who.id)
    return await watch.accepted(request, run, wait)


@runs.post("/{run_id}/retry", status_code=202, response_model=Run, responses={**WAITED, **problems(409, 429)})
async def retry_run(
    request: Request,
    manager: Manager,
    watch: Watching,
    who: Operator,
    run_id: str,
    key: IdempotencyKey,
    wait: Wait = None,
    asked: RetryIn = RetryIn(),  # noqa: B008 - frozen
) -> Response:
    """Do a run again, as a new run that keeps what is finished."""

    def make() -> tuple[dict[str, Any], bool]:
        if wait is not None:
            manager.require_worker()
        return manager.retry_run(run_id, asked.from_, note=asked.note, by=who.id, idempotency_key=key)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, wait, replayed=replayed)


@runs.post("/{run_id}/reproduce", status_code=202, response_model=Run, responses={**WAITED, **problems(409, 429)})
async def reproduce_run(
    request: Request, manager: Manager, watch: Watching, who: Operator, run_id: str, key: IdempotencyKey, wait: Wait = None
) -> Response:
    """Make again what a run made, and compare it with what that one published; nothing is published."""

    def make() -> tuple[dict[str, Any], bool]:
        if wait is not None:
            manager.require_worker()
        return manager.reproduce_run(run_id, by=who.id, idempotency_key=key)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, wait, replayed=replayed)
