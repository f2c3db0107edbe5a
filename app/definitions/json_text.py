"""From bytes to a document, strictly: unambiguous JSON, bounded in depth, that every store can hold."""

import itertools
import json
import re
from collections import Counter
from typing import Any

from app.definitions.faults import Faults, Path
from app.definitions.plain import DEPTH_LIMIT, check_plain
from app.errors import Fault, Invalid, Malformed

# Possessive, and a string that never ends reaches to the end of the text: no input makes it look at a character twice.
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.S)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse(data: bytes, called: str) -> Any:
    """The document. Raises Malformed for what is no JSON, Invalid for JSON that no document may hold."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The {called} is not UTF-8: byte {error.start} is {data[error.start]:#04x}.") from None
    if _too_deep(text):
        raise Invalid(f"The {called} is not valid.", faults=[Fault("", f"is nested more than {DEPTH_LIMIT} deep")])
    doubled: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            doubled.extend((made, key) for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return made

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except ValueError as error:
        raise Malformed(f"The {called} is not JSON: {error}.") from None
    faults = Faults()
    if doubled:
        _note_doubled(document, _by_object(doubled), faults)
    check_plain(document, faults)
    faults.finish(f"The {called} is not valid.")
    return document


def _too_deep(text: str) -> bool:
    """Whether brackets nest too deep: told before the parser, which recurses."""
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return False
    steps = (_STEP.get(token[0], 0) for token in _TOKENS.findall(text))
    return any(depth > DEPTH_LIMIT for depth in itertools.accumulate(steps))


def _by_object(doubled: list[tuple[dict[str, Any], str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for holder, key in doubled:
        found.setdefault(id(holder), []).append(key)
    return found


def _note_doubled(value: Any, doubled: dict[int, list[str]], faults: Faults, path: Path = ()) -> None:
    """Note each key that stands twice in one object: JSON does not say which of the two would count."""
    for key in doubled.get(id(value), ()):
        faults.add((*path, key), "stands twice in this object")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, item in items:
        _note_doubled(item, doubled, faults, (*path, place))
