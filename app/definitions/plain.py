"""What any document may consist of: JSON, bounded in depth, with text and numbers that every store can hold."""

import json
import math
from typing import Any

from app.definitions.faults import Faults, Path

DEPTH_LIMIT = 32
KEY_LIMIT = 256
PARAMS_LIMIT = 64 * 1024
_INTEGERS = range(-(2**63), 2**63)


def must_be_plain(document: object, faults: Faults, detail: str) -> None:
    """Note what is not plain JSON. Raises Invalid at once when the document must not be looked at any further."""
    if not check_plain(document, faults):
        faults.finish(detail)
    faults.settle()


def check_plain(value: object, faults: Faults, path: Path = (), depth: int = 1) -> bool:
    """Note what is not plain JSON; false when the value must not be looked at any further (too deep, or no JSON at all)."""
    if isinstance(value, dict | list):
        if depth > DEPTH_LIMIT:
            faults.add(path, f"is nested more than {DEPTH_LIMIT} deep")
            return False
        return _check_dict(value, faults, path, depth) if isinstance(value, dict) else _check_list(value, faults, path, depth)
    return _check_scalar(value, faults, path)


def _check_dict(value: dict[Any, Any], faults: Faults, path: Path, depth: int) -> bool:
    sound = True
    for key, item in value.items():
        if not isinstance(key, str):
            faults.add(path, "has a key that is not a string")
            return False
        if len(key) > KEY_LIMIT:
            # Not descended into: every pointer below would repeat the key.
            faults.add(path, f"has a key of more than {KEY_LIMIT} characters")
            return False
        if problem := _problem_of_text(key):
            faults.add((*path, key), f"its key {problem}")
            # Pydantic gives up on the whole object at a key that is no Unicode text.
            sound = False
        # The common case, plain ASCII text, is settled here without a call and without building a path.
        if not (type(item) is str and item.isascii() and "\0" not in item):
            sound = check_plain(item, faults, (*path, key), depth + 1) and sound
    return sound


def _check_list(value: list[Any], faults: Faults, path: Path, depth: int) -> bool:
    sound = True
    for index, item in enumerate(value):
        sound = check_plain(item, faults, (*path, index), depth + 1) and sound
    return sound


def _check_scalar(value: object, faults: Faults, path: Path) -> bool:
    if value is None or value is True or value is False:
        return True
    if isinstance(value, str):
        if problem := _problem_of_text(value):
            faults.add(path, problem)
    elif isinstance(value, int):
        if value not in _INTEGERS:
            faults.add(path, "is an integer beyond 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            faults.add(path, "is not a finite number")
    else:
        faults.add(path, f"is not JSON but a {type(value).__name__}")
        return False
    return True


def _problem_of_text(text: str) -> str:
    if "\0" in text:
        return "holds a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds a lone surrogate, which is no Unicode text"
    return ""


def check_size(params: object, faults: Faults, path: Path) -> None:
    """Note params that have more than 64 KB as JSON."""
    if len(json.dumps(params, ensure_ascii=False).encode("utf-8", "replace")) > PARAMS_LIMIT:
        faults.add(path, f"has more than {PARAMS_LIMIT // 1024} KB as JSON")
