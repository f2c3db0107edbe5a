"""Server-sent events: what changes, as it changes, without a thread for each who listens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.paging import LARGEST_NUMBER, LONGEST_NUMBER
from app.api.schemas.operation import StreamQuery
from app.api.waiting import Watch
from app.errors import Fault, Invalid, QueueFull, Unauthenticated
from app.manager import TRANSITIONS

PLACES = 200
_PING_SECONDS = 15.0
_POLL_SECONDS = 1.0
"""How often is looked without having been told, whether the key is still valid too."""


class TooManyStreams(QueueFull):
    """Too many clients listen already."""

    code = "too_many_streams"


class EventStream(StreamingResponse):
    """Events until the client leaves or nothing more can come. It has one of the places from its making to its end."""

    media_type = "text/event-stream"

    def __init__(self, watch: Watch, events: AsyncIterator[bytes]) -> None:
        if watch.streams >= PLACES:
            raise TooManyStreams(f"{PLACES} clients listen already.")
        self._watch, self._events = watch, events
        # No proxy may hold events back.
        super().__init__(events, headers={"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        self._watch.streams += 1
        try:
            async with aclosing(self._events):  # type: ignore[type-var]  # an async generator, typed as an iterator
                await super().__call__(scope, receive, send)
        finally:
            self._watch.streams -= 1


def resumed(last_event_id: str | None) -> int | None:
    """The number in Last-Event-ID, if there is one. Raises Invalid."""
    if not last_event_id:
        return None
    number = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= LONGEST_NUMBER
    if not number or int(last_event_id) > LARGEST_NUMBER:
        message = "is no id of an event that was sent here"
        raise Invalid("The request is not valid.", faults=[Fault("/header/Last-Event-ID", message)])
    return int(last_event_id)


class Pulse:
    """Waits for a flag; says when it is time for a sign of life on a quiet stream."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()

    def sent(self) -> None:
        """Something was sent now."""
        self._sent_at = self._loop.time()

    async def wait(self, changed: asyncio.Event) -> bool:
        """Wait for the flag, at most until the next poll; whether the stream has been quiet for long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), _POLL_SECONDS)
        return self._loop.time() - self._sent_at >= _PING_SECONDS


async def goes_on(watch: Watch, request: Request) -> bool:
    """Whether a stream does: neither when the service stops, nor when its key is no longer valid."""
    try:
        await request.app.state.keyring.key_of(request)
    except Unauthenticated:
        return False
    return not watch.stopping


async def transitions(watch: Watch, request: Request, asked: StreamQuery, last_event_id: str | None) -> EventStream:
    """Every transition behind Last-Event-ID, or from now on."""
    after = resumed(last_event_id)
    if after is None:
        after = await watch.look(watch.manager.newest_transition)
    return EventStream(watch, _transitions(watch, request, asked, after))


async def _transitions(watch: Watch, request: Request, asked: StreamQuery, after: int) -> AsyncIterator[bytes]:
    # At once, so that the client knows that it listens.
    yield format_sse_event(retry=1000, comment=f"behind {after}")
    pulse = Pulse()
    with watch.manager.database.changes.async_flag(TRANSITIONS) as changed:
        while await goes_on(watch, request):
            changed.clear()
            rows = await watch.look(watch.manager.transitions_after, after)
            for row in rows:
                after = row["seq"]
                if _wanted(row, asked):
                    pulse.sent()
                    yield format_sse_event(data_str=json.dumps(row, ensure_ascii=False), event=row["subject"], id=str(after))
            if not rows and await pulse.wait(changed):
                pulse.sent()
                yield KEEPALIVE_COMMENT


def _wanted(row: dict[str, Any], asked: StreamQuery) -> bool:
    job = row["name"] if row["subject"] == "job" else row["job"]
    return asked.job in (None, job) and asked.run in (None, row["name"])
