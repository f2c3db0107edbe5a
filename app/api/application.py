"""The app: routers, the edge, problems, and what they share."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from app.api import problems
from app.api.access import Keyring
from app.api.answers import BASE
from app.api.description import describe
from app.api.edge import Edge
from app.api.routes.api_keys import api_keys
from app.api.routes.backfills import backfills
from app.api.routes.calendars import calendars
from app.api.routes.corrections import corrections
from app.api.routes.datasets import datasets
from app.api.routes.deadlines import deadlines
from app.api.routes.documents import documents
from app.api.routes.events import events
from app.api.routes.factors import factors
from app.api.routes.firings import firings
from app.api.routes.health import health
from app.api.routes.jobs import jobs
from app.api.routes.logs import logs
from app.api.routes.operation import operation
from app.api.routes.ops import ops
from app.api.routes.pipelines import pipelines
from app.api.routes.pools import pools
from app.api.routes.quarantine import quarantine
from app.api.routes.releases import releases
from app.api.routes.repairs import repairs
from app.api.routes.runs import runs
from app.api.routes.schedules import schedules
from app.api.routes.snapshots import snapshots
from app.api.routes.triggers import triggers
from app.api.waiting import Watch
from app.manager import PipelineManager

# What is asked most stands first: routes are tried in order.
_UNDER_BASE = (
    jobs, runs, logs, pipelines, operation, datasets, ops, schedules, triggers, deadlines, factors,
    firings, events, pools, calendars, backfills, repairs, releases, snapshots, corrections, quarantine, documents, api_keys,
)  # fmt: skip


def build(
    manager: PipelineManager, *, lifespan: Any = None, readiness: Callable[[], Mapping[str, bool]] | None = None
) -> FastAPI:
    """The app over this manager. `app.state.watch.stop()` ends its waits and streams before the service stops.

    `readiness` says what the service needs and whether it is there, for /readyz; the manager's own answer unless given.
    """
    app = FastAPI(
        title="Openbell",
        version=version("openbell"),
        lifespan=lifespan,
        # Its pages load from a CDN, and the document is for those who have a key: a route of ours.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.manager = manager
    app.state.keyring = Keyring(manager)
    app.state.watch = Watch(manager, manager.settings.waiters_limit)
    app.state.readiness = readiness or manager.readiness
    app.include_router(health)
    for router in _UNDER_BASE:
        app.include_router(router, prefix=BASE)
    problems.install(app)
    app.add_middleware(Edge)
    describe(app)
    return app
