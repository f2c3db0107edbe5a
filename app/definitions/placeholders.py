"""`${params.x}` in a document: it stands for a whole value; there is no expression language."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from app.definitions.faults import Path

_WHOLE = re.compile(r"\$\{([^{}]*)\}")
# Anything else in a longer text, as ${HOME}, is the author's own.
_MEANT = re.compile(r"\$\{([^{}]*)\}$|.*\$\{(params|event|upstream)\.", re.DOTALL)


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in the value that is meant as a placeholder, rightly or not, with its place."""
    if isinstance(value, str):
        if "${" in value and _MEANT.match(value):
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))


def expression(text: str) -> str | None:
    """What the braces hold, of a text that is one placeholder from end to end; else None."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else None


def replaced(value: Any, look_up: Callable[[str], Any]) -> Any:
    """The value with every placeholder replaced by what `look_up` answers for its expression; containers are copied."""
    if isinstance(value, str):
        inside = expression(value) if value.startswith("${") else None
        return value if inside is None else look_up(inside)
    if isinstance(value, dict):
        return {key: replaced(item, look_up) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, look_up) for item in value]
    return value
