"""Jobs: what can be run, how it does, and asking for a run."""

from typing import Annotated, Any

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.asking import IdempotencyKey, Manager, Watching, body_of, tag_of
from app.api.routes.definitions import Noun, add_pausing, router
from app.api.schemas.deadlines import Why, WhyQuery
from app.api.schemas.definitions import Job, JobsQuery
from app.api.schemas.jobs import JobMetrics, JobStatus
from app.api.schemas.problem import problems
from app.api.schemas.runs import Run, RunIn
from app.api.schemas.shown import Items
from app.api.waiting import WAITED, Wait
from app.definitions.job import JobDocument, priority_of
from app.manager import RunRequest, definition_view

_EXAMPLE = {
    "name": "liquid_stocks_job",
    "pipeline": "liquid_stocks",
    "params": {"report_days": 120},
    "tags": {"type": "research"},
    "calendar": "XSHG",
    "timeout_seconds": 1800,
}
_NOUN = Noun("job", Job, Items[Job], body_of(JobDocument, _EXAMPLE))
jobs = router(_NOUN)
add_pausing(jobs, _NOUN)

Window = Annotated[str, Query(max_length=20, description="24h, 20td (trading days) or all.")]
_WINDOW = "20td"
Counted = Annotated[bool, Query(description="Whether runs of backfills count in rates and durations.")]


@jobs.get("", response_model=Items[Job], dependencies=[VIEWER])
def list_jobs(manager: Manager, page: Annotated[JobsQuery, Query()]) -> Any:
    """The jobs by name."""
    found = manager.definitions("job", after=page.after_text() or "", limit=page.limit + 1, tag=tag_of(page.tag))
    return page.shown(found, definition_view, lambda item: item.name)


@jobs.get("/{name}/status", response_model=JobStatus, dependencies=[VIEWER])
def get_job_status(manager: Manager, name: str, window: Window = _WINDOW, backfills: Counted = False) -> Any:
    """How a job stands."""
    return manager.get_job_status(name, window, backfills=backfills)


@jobs.get("/{name}/metrics", response_model=JobMetrics, dependencies=[VIEWER])
def get_job_metrics(manager: Manager, name: str, window: Window = _WINDOW, backfills: Counted = False) -> Any:
    """Counts, rates and percentiles of a job."""
    return manager.get_job_metrics(name, window, backfills=backfills)


@jobs.get("/{name}/why", response_model=Why, dependencies=[VIEWER])
def get_job_why(manager: Manager, name: str, asked: Annotated[WhyQuery, Query()]) -> Any:
    """Why a job is not done for a trade date."""
    return manager.why(name, asked.trade_date)


@jobs.post("/{name}/runs", status_code=202, response_model=Run, responses={**WAITED, **problems(409, 429)})
async def run_job(
    request: Request,
    manager: Manager,
    watch: Watching,
    who: Operator,
    name: str,
    key: IdempotencyKey,
    wait: Wait = None,
    asked: RunIn = RunIn(),  # noqa: B008 - frozen
) -> Response:
    """Run a job."""
    wanted = RunRequest(asked.params, asked.trade_date, asked.tags, priority_of(asked.priority), asked.note)

    def make() -> tuple[dict[str, Any], bool]:
        if wait is not None:
            manager.require_worker()
        return manager.enqueue(name, wanted, by=who.id, idempotency_key=key)

    made, replayed = await run_in_threadpool(make)
    return await watch.accepted(request, made, wait, replayed=replayed)
