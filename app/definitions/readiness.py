"""Whether a day of a vendor's data is there: by its own word, or by two looks at how much of it has come."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

COVERAGE = 0.98
"""Of the rows of the session before: names that are suspended, new or gone make the difference."""

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(minutes=10)


def is_ready(answer: Mapping[str, Any], rows_before_this: int | None) -> bool:
    """Whether the query `source_readiness` has answered that the day is there, after that many rows at the look before."""
    if answer["ready"] is not None:
        return bool(answer["ready"])
    rows, of = int(answer["rows"]), int(answer["rows_before"])
    # As many as before, twice: what is still being delivered grows.
    return rows > 0 and rows >= COVERAGE * of and rows == rows_before_this


def next_look(answer: Mapping[str, Any], waited: timedelta) -> timedelta:
    """After how long to look again: soon while rows are coming, else the less often the longer nothing came."""
    if answer["rows"]:
        return _SHORTEST
    return min(max(waited / 5, _SHORTEST), _LONGEST)
