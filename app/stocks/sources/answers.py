"""What a source answers: data, confirmed nothing, or the reason why it cannot say. Never a bare None or an empty frame."""

from dataclasses import dataclass
from typing import Any, Literal

Reason = Literal["auth", "permission", "session_limit", "quota", "transient", "bad_request", "not_ready", "unsupported"]


@dataclass(frozen=True)
class Data:
    """An Arrow table of at least one row, in canonical columns and units."""

    table: Any


@dataclass(frozen=True)
class Empty:
    """There is nothing; it may be believed for dates up to the source's readiness mark."""


@dataclass(frozen=True)
class Unavailable:
    """The source cannot answer: why, in a word and in a sentence, and what to do about it."""

    reason: Reason
    detail: str
    hint: str = ""


Answer = Data | Empty | Unavailable
