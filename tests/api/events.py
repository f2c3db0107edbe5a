"""Reading server-sent events."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2


def events(answer: httpx2.Response) -> Iterator[tuple[str, str, Any]]:
    """(event, id, data) one by one; a comment is an event `comment`."""
    block: dict[str, str] = {}
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if line and not field:
            yield "comment", "", value
        elif line:
            block[field] = value
        elif "data" in block:
            yield block.get("event", "message"), block.get("id", ""), json.loads(block["data"])
            block = {}
        elif not line:
            block = {}
