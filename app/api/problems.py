"""Whatever is refused becomes a problem document (RFC 9457): what, where, and what to do about it."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.definitions.faults import Faults, shown
from app.definitions.shape import read
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
    detail = {
        404: f"There is nothing at {request.url.path[:200]}.",
        405: f"{request.method[:20]} is not allowed at {request.url.path[:200]}.",
    }.get(error.status_code, phrase + ".")
    hint = "GET /openapi.json lists every path." if error.status_code == 404 else None
    code = phrase.lower().replace(" ", "_")
    return _response(error.status_code, code, phrase + ".", detail, hint=hint, headers=dict(error.headers or {}))


async def _not_valid(request: Request, error: Exception) -> Response:
    """What FastAPI found wrong: the body is read again by the one reader whose sentences every document gets."""
    assert isinstance(error, RequestValidationError)
    faults = Faults()
    body = request.scope["route"].body_field
    model = body.field_info.annotation if body is not None else None
    for problem in error.errors():
        if problem["loc"][0] != "body":
            faults.add(problem["loc"], _sentence(problem))
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


def _sentence(problem: dict[str, Any]) -> str:
    if problem["type"] == "missing":
        return "is missing"
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return message if problem["type"] == "value_error" else f"{message}, not {shown(problem['input'])}"
