"""What a query answers whose bytes are meant for whoever asked the face, as they are."""

from typing import Any, NamedTuple


class Encoded(NamedTuple):
    """A part of an answer in the form that was asked for, and what is to be said beside it (JSON)."""

    content: bytes
    facts: dict[str, Any]
