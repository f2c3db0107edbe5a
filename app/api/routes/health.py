"""Is it alive, can it work; and the description of all of this."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.access import ANYBODY, VIEWER
from app.api.answers import answer
from app.api.route import Route
from app.api.schemas.operation import Readiness

health = APIRouter(tags=["health"], route_class=Route)


@health.get("/healthz", response_model=None, dependencies=[ANYBODY])
async def get_health() -> Response:
    """Whether the service is alive."""
    # Not in a thread: it must answer when all of them are busy.
    return Response(b"ok\n", media_type="text/plain")


@health.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}}, dependencies=[ANYBODY])
async def get_readiness(request: Request) -> Response:
    """Whether the service can do its work; what it lacks is told to whoever bears a key."""
    checks: dict[str, bool] = dict(await run_in_threadpool(request.app.state.readiness))
    ready = all(checks.values())
    status = 200 if ready else 503
    if "authorization" not in request.headers:
        return Response(status_code=status)
    if checks.get("database", True):
        await request.app.state.keyring.key_of(request)
    return answer(Readiness, {"ready": ready, "checks": checks}, status)


@health.get("/openapi.json", response_model=None, dependencies=[VIEWER])
def get_openapi(request: Request) -> Response:
    """This API as an OpenAPI document."""
    return JSONResponse(request.app.openapi())
