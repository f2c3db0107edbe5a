"""What every route does before its endpoint: who asks, then the query, then the body. None can forget it."""

from collections.abc import Callable, Coroutine, Iterator
from inspect import iscoroutinefunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api import bodies
from app.api.access import Open, Require
from app.api.answers import answering
from app.api.schemas.problem import WITH_BODY, problems
from app.definitions.faults import Faults
from app.errors import Invalid, NotFound

_INLINE = 32 * 1024
"""A larger body is parsed in a thread: the loop has others to serve."""

_JSON = (b"content-type", b"application/json")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CheckedRequest(Request):
    """A request whose body was read and parsed already."""

    def __init__(self, request: Request, data: bytes, document: Any) -> None:
        # FastAPI asks for what is declared as JSON alone.
        headers = [*((name, value) for name, value in request.scope["headers"] if name != b"content-type"), _JSON]
        super().__init__({**request.scope, "headers": headers}, request.receive)
        self._data, self._document = data, document

    async def body(self) -> bytes:
        """The bytes."""
        return self._data

    async def json(self) -> Any:
        """What they say."""
        return self._document


class Route(APIRoute):
    """A route that has a role. Refuses unknown query parameters, and bodies that are not plain JSON."""

    body_limit = bodies.LIMIT
    takes_csv = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        said = (endpoint.__doc__ or "").partition("\n")[0].rstrip(".")
        options |= {"summary": said, "description": " ", "operation_id": endpoint.__name__}
        model = options.get("response_model")
        if isinstance(model, type) and not iscoroutinefunction(endpoint):
            endpoint = answering(endpoint, model, options.get("status_code") or 200)
        super().__init__(path, endpoint, **options)
        statuses = [*([404] if self.param_convertors else []), *(WITH_BODY if self.body_field else [])]
        self.responses = {**problems(*statuses), **self.responses}

    def get_route_handler(self) -> Handler:
        """The endpoint behind all checks."""
        handle = super().get_route_handler()
        role = access_of(self.dependant)
        known = frozenset(name for dependant in _within(self.dependant) for name in _query_names(dependant))
        takes_body = self.body_field is not None

        async def checked(request: Request) -> Response:
            if isinstance(role, Require):
                await role(request)
            _check_path(request)
            if request.scope["query_string"]:
                _check_query(request, known)
            if "content-length" in request.headers or "transfer-encoding" in request.headers:
                request = await _with_body(request, takes_body, self.body_limit, self.takes_csv)
            return await handle(request)

        return checked


class CsvRoute(Route):
    """A route whose document may come as CSV instead: then it is `{"csv": <the text>}`."""

    takes_csv = True


class FolderRoute(Route):
    """A route whose body holds many documents."""

    body_limit = 16 * bodies.LIMIT


def access_of(dependant: Dependant) -> Require | Open:
    """What the endpoint asks of a key. Raises TypeError unless it says so, once."""
    found = [inner.call for inner in _within(dependant) if isinstance(inner.call, Require | Open)]
    if len(found) != 1:
        raise TypeError(f"{dependant.call} must require one role or be open; it does {len(found)} times")
    return found[0]


def _within(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _within(inner)


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (inner.alias or name for name, inner in model.model_fields.items())
        else:
            yield field.alias


def _check_path(request: Request) -> None:
    if any("\0" in str(value) for value in request.path_params.values()):
        raise NotFound("There is nothing by that name: it holds a NUL character.")


def _check_query(request: Request, known: frozenset[str]) -> None:
    faults = Faults()
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if name not in known:
            faults.add(("query", name), "is an unknown query parameter" + faults.near(name, known))
        elif len(values) > 1:
            faults.add(("query", name), "is given twice")
        elif "\0" in values[0]:
            faults.add(("query", name), "holds a NUL character")
    if faults:
        raise Invalid("The query is not valid.", faults=faults.found)


async def _with_body(request: Request, takes_body: bool, limit: int, takes_csv: bool) -> Request:
    data = await bodies.read(request, limit, csv=takes_csv)
    if not data:
        return CheckedRequest(request, data, None)
    if takes_csv and bodies.is_csv(request):
        return CheckedRequest(request, data, {"csv": bodies.text_of(data)})
    document = await run_in_threadpool(bodies.parse, data) if len(data) > _INLINE else bodies.parse(data)
    if not takes_body and document != {}:
        raise Invalid("This takes no body.")
    return CheckedRequest(request, data, document)
