"""Events: something happened outside, and triggers may wait for it."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from app.api.access import Operator
from app.api.answers import answer
from app.api.asking import IdempotencyKey, Manager
from app.api.route import Route
from app.api.schemas.problem import problems
from app.api.schemas.timing import Event, EventIn
from app.definitions.names import is_name
from app.errors import Fault, Invalid

events = APIRouter(prefix="/events", tags=["events"], route_class=Route)


@events.post("/{name}", status_code=202, response_model=Event, responses=problems(409))
def send_event(
    manager: Manager,
    who: Operator,
    name: str,
    key: IdempotencyKey,
    sent: EventIn = EventIn(),  # noqa: B008 - frozen: one for all requests does no harm
) -> Any:
    """Tell of an event: every trigger that waits for it fires, in the transaction that takes it."""
    if not is_name(name):
        message = "must be lower case letters, digits and _, beginning with a letter, at most 63 characters"
        raise Invalid("The event has no valid name.", faults=[Fault("/path/name", message)])
    event, replayed = manager.send_event(name, sent.payload, by=who.id, idempotency_key=key)
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    found: Response = answer(Event, event, 202, headers)
    return found
