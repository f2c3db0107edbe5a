"""What endpoints take from a request by name."""

import re
from typing import Annotated, Any

from fastapi import Body, Depends, Header
from starlette.requests import Request

from app.api.waiting import Watch
from app.definitions.shape import Shape
from app.errors import Fault, Invalid
from app.manager import PipelineManager

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)


async def _manager(request: Request) -> PipelineManager:
    manager: PipelineManager = request.app.state.manager
    return manager


async def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


async def _idempotency_key(
    idempotency_key: Annotated[str | None, Header(description="For 24 hours, the same body gets the same answer.")] = None,
) -> str | None:
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        message = "must be 1 to 255 visible ASCII characters"
        raise Invalid("The request is not valid.", faults=[Fault("/header/Idempotency-Key", message)])
    return idempotency_key


Manager = Annotated[PipelineManager, Depends(_manager)]
Watching = Annotated[Watch, Depends(_watch)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
Document = Annotated[dict[str, Any], Body()]
"""A document that the manager reads, all its faults at once; the OpenAPI document gets its shape by `body_of`."""


def body_of(shape: type[Shape] | tuple[type[Shape], ...], example: dict[str, Any]) -> dict[str, Any]:
    """A request body of that shape, or of one of those shapes, for the OpenAPI document."""
    shapes = shape if isinstance(shape, tuple) else (shape,)
    references = [{"$ref": f"#/components/schemas/{each.__name__}"} for each in shapes]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def same_name(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document under the name that the path gives it. Raises Invalid when it has another."""
    if document.get("name", name) != name:
        raise Invalid("The names differ.", faults=[Fault("/name", f"must be {name!r}, as in the path, or left out")])
    return {**document, "name": name}


def tag_of(text: str | None) -> tuple[str, str] | None:
    """A `name:value` of a query as a pair. Raises Invalid."""
    if text is None:
        return None
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise Invalid("The query is not valid.", faults=[Fault("/query/tag", "must be name:value")])
    return name, value
