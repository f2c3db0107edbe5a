"""A request's body: read up to its route's limit, parsed once, and strictly."""

from typing import Any

from starlette.requests import Request

from app.definitions import json_text
from app.errors import Malformed, TooLarge, Unsupported

LIMIT = 2**20
CSV = "text/csv"


async def read(request: Request, limit: int = LIMIT, *, csv: bool = False) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known, Unsupported unless it is declared as JSON, or as CSV where
    that is read.
    """
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
    if size and not (csv and is_csv(request)):
        _check_type(_kind(request))
    return b"".join(chunks)


def is_csv(request: Request) -> bool:
    """Whether the body is declared as CSV."""
    return _kind(request) == CSV


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_type(kind: str) -> None:
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unsupported(
            f"The body is declared as {kind[:100] or 'nothing'}; only JSON is read.", hint="Send Content-Type: application/json."
        )


def text_of(data: bytes) -> str:
    """The text. Raises Malformed for what is no UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start} is {data[error.start]:#04x}.") from None


def parse(data: bytes) -> Any:
    """The document. Raises Malformed for what is no JSON, Invalid for JSON that no document may hold."""
    return json_text.parse(data, "body")
