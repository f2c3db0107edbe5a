"""A value as JSON writes it, as one of a column."""

import json
import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from app.stocks.schema import Column

_LARGEST = 2**63 - 1
_NEEDS = {
    "float": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date, as 2026-11-20",
    "datetime": "a local time, as 2026-11-20T09:31:00",
    "string": "text",
}


class NoValue(ValueError):
    """That is no value of the column; the message says what it must be."""


def read(column: Column, value: Any) -> Any:
    """The value in the column's type. Raises NoValue, for null too: a correction says what is right."""
    found = _READ[column.type](value)
    if found is None:
        unit = f" ({column.unit})" if column.unit else ""
        raise NoValue(f"must be {_NEEDS[column.type]}{unit}, not {json.dumps(value, ensure_ascii=False)[:40]}")
    return found


def text(value: Any) -> str | None:
    """A value of a row as JSON text; None for null, and for a number that JSON has no word for."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return json.dumps(value.isoformat() if isinstance(value, date) else value, ensure_ascii=False)


def value_of(column: Column, written: str) -> Any:
    """The value that `text` wrote."""
    return read(column, json.loads(written))


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return float(value) if known else None


def _whole(value: Any) -> int | None:
    found = _number(value)
    return int(value) if found is not None and found.is_integer() and abs(found) < _LARGEST else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-11-20") else None
    except ValueError:
        return None


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is None else None


_READ: dict[str, Callable[[Any], Any]] = {
    "float": _number,
    "integer": _whole,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "date": _day,
    "datetime": _time,
    "string": lambda value: value if isinstance(value, str) and value.strip() else None,
}
