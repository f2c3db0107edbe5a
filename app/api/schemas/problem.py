"""What a refusal looks like."""

from typing import Any

from pydantic import Field

from app.api.schemas.shown import Shown


class Fault(Shown):
    """One thing wrong: where, as a JSON pointer into the body (or /query/<name>, /path/<name>, /header/<name>), and what."""

    pointer: str
    message: str


class Problem(Shown):
    """A problem document (RFC 9457)."""

    type: str = Field(examples=["/problems/invalid"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["invalid"])
    hint: str | None = None
    errors: list[Fault] = []


_MEANINGS = {
    400: "The body is no JSON.",
    401: "No valid key.",
    403: "The key's role does not allow it.",
    404: "There is nothing by that name.",
    405: "Not allowed here.",
    409: "It does not fit the present state.",
    413: "The body is larger than this takes: 1 MiB, or 16 MiB for a folder of definitions.",
    415: "The body is not declared as JSON.",
    422: "Something in the request is not valid; `errors` says all of it.",
    429: "The queue is full.",
    503: "Not now; `Retry-After` says when to try again.",
}


Responses = dict[int | str, dict[str, Any]]
"""Answers by status, as FastAPI takes them for the OpenAPI document."""


def problems(*statuses: int) -> Responses:
    """Refusals for the OpenAPI document; with them those that any endpoint may answer."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({401, 403, 422, 503, *statuses})
    }


WITH_BODY = (400, 413, 415)
