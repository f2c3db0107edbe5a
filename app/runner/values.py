"""Values as JSON: what an op returns becomes what is stored, and what is stored becomes what the next op takes."""

import json
from typing import Any

import pydantic_core

from app.definitions.faults import Faults
from app.definitions.messages import VALUE_LIMIT
from app.definitions.plain import check_plain
from app.errors import Invalid


def to_json(value: Any, subject: str, *, limit: int = VALUE_LIMIT) -> Any:
    """The value as plain JSON of at most `limit` bytes: dates as ISO 8601, Decimal as text, models and dataclasses as objects.

    Raises Invalid, beginning with `subject`, for what JSON or a database cannot hold: NaN, NUL, unknown classes, cycles.
    """
    if value is None or value is True or value is False:
        return value
    try:
        plain = pydantic_core.to_jsonable_python(value, inf_nan_mode="constants", fallback=_foreign)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"{subject} is not JSON: {error}") from error
    faults = Faults()
    check_plain(plain, faults)
    if faults.found:
        raise Invalid(f"{subject} cannot be stored as JSON", faults=faults.found)
    size = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode())
    if size > limit:
        raise Invalid(
            f"{subject} is {size:,} bytes as JSON; a value may have {limit:,}",
            hint="hand on rows as a frame or a Dataset",
        )
    return plain


def _foreign(value: Any) -> Any:
    if type(value).__module__ == "numpy":
        return value.tolist() if getattr(value, "ndim", 0) else value.item()
    raise ValueError(f"a {type(value).__module__}.{type(value).__qualname__} has no JSON form")
