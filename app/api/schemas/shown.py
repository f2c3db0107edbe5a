"""What all models share: how instants, dates and pages are shown."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")

# The manager writes them as text already; here they only get their names in the OpenAPI document.
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]", re.ASCII)
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


class Shown(BaseModel):
    """Something that is shown."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class Items(Shown, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None


def _day(value: Any) -> Any:
    # Not left to pydantic: to it the number 20261120 is a day in 1970.
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("value_error", "must be a date, as 2026-11-20")


DayIn = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _instant(value: Any) -> Any:
    # Nor this: a text of digits is a number of seconds to it.
    if isinstance(value, str) and _INSTANT.match(value):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is not None and at.tzinfo is not None and _FIRST <= at <= _LAST:
            return at.astimezone(UTC)
    raise PydanticCustomError("value_error", "must be an instant of 1970 or later, as 2026-11-20T01:00:00Z")


InstantIn = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
