"""Times of a trading day as documents say them: `close+30m`, `auction-5m`, or `15:30`."""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from app.definitions.faults import shown

ANCHORS = ("auction", "open", "lunch", "close", "after_hours_close")
FURTHEST = timedelta(hours=24)
_ANCHORED = re.compile(rf"({'|'.join(ANCHORS)})(?:([+-])([0-9]{{1,4}})([mh]))?")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Moment:
    """A wall-clock time, or an offset from a phase of the session."""

    at: time | None = None
    anchor: str | None = None
    offset: timedelta = timedelta(0)


def parse_moment(text: str) -> Moment | None:
    """The moment that the text says, or None."""
    if match := _CLOCK.fullmatch(text):
        return Moment(at=time(int(match[1]), int(match[2])))
    match = _ANCHORED.fullmatch(text)
    if match is None:
        return None
    anchor, sign, count, unit = match.groups(default="")
    size = timedelta(hours=int(count or 0)) if unit == "h" else timedelta(minutes=int(count or 0))
    return Moment(anchor=anchor, offset=-size if sign == "-" else size) if size <= FURTHEST else None


def _moment(text: Any) -> Any:
    if not isinstance(text, str) or parse_moment(text) is None:
        message = "must be HH:MM, or one of {anchors} with an offset of at most 24 hours such as +30m or -1h, not {text}"
        raise PydanticCustomError("value_error", message, {"anchors": ", ".join(ANCHORS), "text": shown(text)})
    return text


MomentText = Annotated[str, AfterValidator(_moment)]
