"""The shipped definitions: the same documents that a user would POST, planted once and never over a user's own."""

import json
from pathlib import Path
from typing import Literal

from app.definitions import registry
from app.definitions.catalogue import ShippedDocument

_KINDS: tuple[tuple[str, Literal["pool", "pipeline", "job", "schedule", "trigger"]], ...] = (
    ("pools", "pool"),
    ("pipelines", "pipeline"),
    ("jobs", "job"),
    ("schedules", "schedule"),
    ("triggers", "trigger"),
)
"""Folder and kind, in the order in which they need each other."""


def shipped() -> list[ShippedDocument]:
    """Every shipped definition, in an order in which they can be registered."""
    found = []
    for folder, kind in _KINDS:
        for path in sorted((Path(__file__).parent / folder).glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            found.append(ShippedDocument(kind=kind, managed_by="catalog", document=document))
    return found


for _document in shipped():
    registry.add_document(_document)
