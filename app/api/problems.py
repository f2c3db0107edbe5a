"""Whatever is refused becomes a problem document (RFC 9457): what, where, and what to do about it."""

import json
import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.definitions.faults import Faults, shown
from app.definitions.shape import read, worded
from app.errors import Invalid, OpenbellError

MEDIA_TYPE = "application/problem+json"
_AGAIN_SECONDS = 2
_HEADERS = {
    401: {"WWW-Authenticate": 'Bearer realm="openbell"'},
    429: {"Retry-After": str(_AGAIN_SECONDS)},
    503: {"Retry-After": str(_AGAIN_SECONDS)},
}


def install(app: FastAPI) -> None:
    """Answer every refusal of the app with a problem."""
    app.add_exception_handler(OpenbellError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _not_routed)


def response(error: OpenbellError) -> Response:
    """The problem that the error is."""
    return _response(error.status, error.code, _title(error), error.detail, hint=error.hint, errors=_faults(error))


def _title(error: OpenbellError) -> str:
    return (type(error).__doc__ or "").partition("\n")[0]


def _faults(error: OpenbellError) -> list[dict[str, str]]:
    return [{"pointer": fault.pointer, "message": fault.message} for fault in error.faults]


def _response(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    hint: str | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    problem: dict[str, Any] = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code}
    if hint:
        problem["hint"] = hint
    content = json.dumps({**problem, "errors": errors or []}, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, {**_HEADERS.get(status, {}), **(headers or {})}, MEDIA_TYPE)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OpenbellError)
    return response(error)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    where = request.url.path[:200]
    detail, hint, headers = f"{phrase}.", None, dict(error.headers or {})
    if error.status_code == 404:
        detail, hint = f"There is nothing at {where}.", "GET /openapi.json lists every path."
    elif error.status_code == 405:
        allowed = _allowed(request)
        detail, headers["Allow"] = f"{request.method[:20]} is not allowed at {where}, but {allowed}.", allowed
    return _response(error.status_code, phrase.lower().replace(" ", "_"), f"{phrase}.", detail, hint=hint, headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the path: the router names those of the first route alone."""
    path = request.scope["path"]
    found = (route.methods for route in iter_route_contexts(request.app.routes) if _matches(route, path))
    return ", ".join(sorted(set().union(*(methods or () for methods in found))))


def _matches(route: RouteContext, path: str) -> bool:
    return re.fullmatch(route.path_regex, path) is not None


async def _not_valid(request: Request, error: Exception) -> Response:
    """What FastAPI found wrong: the body is read again by the one reader whose sentences every document gets."""
    assert isinstance(error, RequestValidationError)
    faults = Faults()
    body = request.scope["route"].body_field
    model = body.field_info.annotation if body is not None else None
    for problem in error.errors():
        if problem["loc"][0] != "body":
            faults.add(problem["loc"], worded(problem))
    if any(problem["loc"][0] == "body" for problem in error.errors()):
        _note_body(model, error.body, faults)
    return response(Invalid("The request is not valid.", faults=faults.found))


def _note_body(model: Any, document: Any, faults: Faults) -> None:
    if document is None:
        faults.add((), "a JSON object is needed as the body")
    elif isinstance(model, type) and issubclass(model, BaseModel):
        read(model, document, faults)
    else:
        faults.add((), f"must be an object, not {shown(document)}")
