"""Is it alive, can it work; and the description of all of this."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.api.access import ANYBODY, VIEWER
from app.api.answers import answer
from app.api.route import Route
from app.api.schemas.operation import Readiness

health = APIRouter(tags=["health"], route_class=Route)


@health.get("/healthz", response_class=PlainTextResponse, dependencies=[ANYBODY])
async def get_health() -> Response:
    """Whether the service is alive."""
    # Not in a thread: it must answer when all of them are busy.
    return PlainTextResponse("ok\n")


@health.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}}, dependencies=[ANYBODY])
async def get_readiness(request: Request) -> Response:
    """Whether the service can do its work; what it lacks is told to whoever bears a key."""
    checks: dict[str, bool] = dict(await run_in_threadpool(request.app.state.readiness))
    ready = all(checks.values())
    told: dict[str, bool] = {}
    details: dict[str, str] = {}
    # Without a database no key can be looked up; what is wrong with it is no secret.
    if not checks.get("database", True):
        details = request.app.state.manager.damage()
    elif "authorization" in request.headers:
        await request.app.state.keyring.key_of(request)
        told, details = checks, await run_in_threadpool(request.app.state.manager.remarks)
    return answer(Readiness, {"ready": ready, "checks": told, "details": details}, 200 if ready else 503)


@health.get("/openapi.json", response_model=None, dependencies=[VIEWER])
def get_openapi(request: Request) -> Response:
    """This API as an OpenAPI document."""
    return JSONResponse(request.app.openapi())
