"""Rows of a dataset as an answer: which form is wanted, a page as it is, or all rows as they are made."""

import base64
import binascii
import threading
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.schemas.data import RowsQuery
from app.errors import Fault, Invalid, QueueFull, TooLarge
from app.manager import PipelineManager

MEDIA = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
_PLACES = threading.BoundedSemaphore(4)
"""So many read rows at once: each holds a page in memory, and one child serves them all."""
_JSON_ROWS, _MOST_ROWS = 100, 100_000


class TooManyReaders(QueueFull):
    """Too many read rows already."""

    code = "too_many_readers"


def answer(manager: PipelineManager, name: str, asked: RowsQuery, accept: str) -> Response:
    """The rows. Raises TooManyReaders, TooLarge, and as the manager's `row_part`."""
    form = asked.format or _accepted(accept)
    cursor = _decoded(asked.cursor)
    wanted = _wanted(asked) | {"form": form, "limit": asked.limit or (_JSON_ROWS if form == "json" else _MOST_ROWS)}
    if not _PLACES.acquire(blocking=False):
        raise TooManyReaders("4 clients read rows already.")
    try:
        if form in ("csv", "arrow") and asked.limit is None and cursor is None:
            snapshot, parts = manager.row_parts(name, wanted, asked.snapshot)
            return _Parts(parts, headers=_headers(name, form, snapshot), media_type=MEDIA[form])
        part = manager.row_part(name, wanted, cursor=cursor, snapshot=asked.snapshot)
    except BaseException:
        _PLACES.release()
        raise
    _PLACES.release()
    follows = _encoded(part.next_cursor)
    if form == "parquet" and follows and asked.limit is None and cursor is None:
        raise TooLarge(
            f"More than {part.rows:,} rows are chosen, which is the most that one Parquet answer has.",
            hint="Choose fewer; ask for csv or arrow; or give a limit and take the pages.",
        )
    if form == "json":
        tail = f',"snapshot":{part.snapshot},"next_cursor":{_quoted(follows)}}}'.encode()
        return Response(b'{"items":' + part.content + tail, media_type=MEDIA[form])
    headers = _headers(name, form, part.snapshot) | ({"Openbell-Next-Cursor": follows} if follows else {})
    return Response(part.content, headers=headers, media_type=MEDIA[form])


class _Parts(StreamingResponse):
    """All rows, part by part. It has its place until its end, whether or not the client stays for it."""

    def __init__(self, parts: Iterator[bytes], **options: Any) -> None:
        super().__init__(parts, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            _PLACES.release()


def _wanted(asked: RowsQuery) -> dict[str, Any]:
    listed = {name: _listed(getattr(asked, name)) for name in ("columns", "symbols")}
    days = {name: day.isoformat() for name in ("start_date", "end_date") if (day := getattr(asked, name)) is not None}
    return {name: value for name, value in listed.items() if value is not None} | days | {"adjust": asked.adjust}


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _accepted(accept: str) -> str:
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    known = {media.partition(";")[0]: form for form, media in MEDIA.items()}
    return next((known[kind] for kind in kinds if kind in known), "json")


def _headers(name: str, form: str, snapshot: int) -> dict[str, str]:
    return {
        "Openbell-Snapshot": str(snapshot),
        # The name is a dataset's by now: nothing in it can end the header.
        "Content-Disposition": f'attachment; filename="{name}.{form}"',
    }


def _encoded(cursor: str | None) -> str | None:
    return None if cursor is None else base64.urlsafe_b64encode(cursor.encode()).decode()


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _decoded(cursor: str | None) -> str | None:
    try:
        return None if cursor is None else base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        message = "is no cursor: take next_cursor of the page before, or none for the first page"
        raise Invalid("The query is not valid.", faults=[Fault("/query/cursor", message)]) from None
