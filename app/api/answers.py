"""Answers: what a model shows of a value, as JSON, made in the thread that read it."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response

BASE = "/api/v1"


@functools.cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def answer(model: Any, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """What the model shows of the value; a field that the model does not have stays inside."""
    adapter = _adapter(model)
    return Response(adapter.dump_json(adapter.validate_python(value), by_alias=True), status, headers, "application/json")


def answering(endpoint: Callable[..., Any], model: Any, status: int) -> Callable[..., Any]:
    """The endpoint, whose plain values become answers. FastAPI would spend another thread on that."""

    @functools.wraps(endpoint)
    def answered(*args: Any, **kwargs: Any) -> Any:
        value = endpoint(*args, **kwargs)
        return value if isinstance(value, Response) else answer(model, value, status)

    return answered
