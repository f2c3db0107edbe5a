"""`?wait=`: an answer that is held back until the run is final. Waiting costs no thread."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import BASE, answer
from app.api.schemas.problem import Responses
from app.api.schemas.runs import Run
from app.manager import EVERYTHING, PipelineManager, ended_topic

T = TypeVar("T")

LONGEST_SECONDS = 60
Wait = Annotated[
    float | None,
    Query(
        ge=0,
        le=LONGEST_SECONDS,
        allow_inf_nan=False,
        description="Seconds to wait for the run: answers 200 once it is final, 202 when the time is up.",
    ),
]

WAITED: Responses = {200: {"model": Run, "description": "The run is final: it was waited for."}}

POLL_SECONDS = 2.0
"""How often is looked without having been told: another process may have made the change."""

JUST_ACCEPTED_SECONDS = 0.05
"""A run that was just accepted has not ended yet: looking at once would only take the processor from it."""

_THREADS = 4
"""However many watch, so few look at once: the others' threads stay free."""


class Watch:
    """Those who wait for a change: how many there are, and the few threads in which they look."""

    def __init__(self, manager: PipelineManager, places: int) -> None:
        self.manager = manager
        self.waiting = 0
        self.streams = 0
        self.stopping = False
        self._places = places
        self._threads = CapacityLimiter(_THREADS)

    async def look(self, question: Callable[..., T], *args: Any) -> T:
        """Ask the manager something, in one of the few threads."""
        return await to_thread.run_sync(partial(question, *args), limiter=self._threads)

    def stop(self) -> None:
        """End every wait and every stream soon: the service is about to stop. May be called from any thread."""
        self.stopping = True
        self.manager.database.changes.notify([EVERYTHING])

    async def until_final(self, request: Request, run_id: str, seconds: float, pause: float = 0.0) -> dict[str, Any] | None:
        """The run once it is final; None when the time is up, the client is gone, or too many wait already.

        For the first `pause` seconds it is looked at only if its end is told.
        """
        if self.waiting >= self._places:
            return None
        self.waiting += 1
        try:
            return await self._until_final(request, run_id, seconds, min(pause, seconds))
        finally:
            self.waiting -= 1

    async def _until_final(self, request: Request, run_id: str, seconds: float, pause: float) -> dict[str, Any] | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self.manager.database.changes.async_flag(ended_topic(run_id)) as changed:
            gone = asyncio.create_task(_gone(request, changed))
            try:
                while True:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), pause)
                    changed.clear()
                    if (run := await self.look(self.manager.ended_run, run_id)) is not None:
                        return run
                    left = until - loop.time()
                    if left <= 0 or gone.done() or self.stopping:
                        return None
                    pause = min(left, POLL_SECONDS)
            finally:
                gone.cancel()

    async def accepted(self, request: Request, run: dict[str, Any], wait: float | None, *, replayed: bool = False) -> Response:
        """202 with the run, or 200 with the final one if there is time to wait for it."""
        headers = {"Location": f"{BASE}/runs/{run['id']}", **({"Idempotent-Replayed": "true"} if replayed else {})}
        if not wait:
            return answer(Run, run, 202, headers)
        final = await self.until_final(request, run["id"], wait, 0.0 if replayed else JUST_ACCEPTED_SECONDS)
        return answer(Run, final or await self.look(self.manager.get_run, run["id"]), 200 if final else 202, headers)


async def _gone(request: Request, changed: asyncio.Event) -> None:
    """Ends, and wakes the waiter, when the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    changed.set()
