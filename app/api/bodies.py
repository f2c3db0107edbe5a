"""A request's body: read up to its route's limit, parsed once, and strictly."""

from typing import Any

from starlette.requests import Request

from app.definitions import json_text
from app.errors import TooLarge, Unsupported

LIMIT = 2**20


async def read(request: Request, limit: int = LIMIT) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known, Unsupported for anything that is not declared as JSON."""
    too_large = TooLarge(f"The body is larger than {limit // 2**20} MiB.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
    if size:
        _check_type(request.headers.get("content-type", ""))
    return b"".join(chunks)


def _check_type(said: str) -> None:
    kind = said.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unsupported(
            f"The body is declared as {kind[:100] or 'nothing'}; only JSON is read.", hint="Send Content-Type: application/json."
        )


def parse(data: bytes) -> Any:
    """The document. Raises Malformed for what is no JSON, Invalid for JSON that no document may hold."""
    return json_text.parse(data, "body")
