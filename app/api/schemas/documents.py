"""Definitions as files: a folder that is sent, and what becomes of each of its documents."""

from typing import Any

from pydantic import Field

from app.api.schemas.shown import Shown
from app.definitions.shape import Shape


class FolderIn(Shape):
    """A folder of definitions. Faults are told at /documents/<path>/..., the path's slash as ~1."""

    documents: dict[str, dict[str, Any] | str] = Field(
        min_length=1, description="By path, as jobs/x.json: the document, or the text of its file."
    )
    prune: bool = Field(False, description="Delete what earlier came from a folder that was sent and stands in this one no more.")


class FolderItem(Shown):
    """What becomes of one document; before and after only where they differ.

    `adopt`: the same document, from now on managed by its file. `restore`: back to what a release or an op module brings along.
    `leave`: it is not in the folder, and stays.
    """

    kind: str
    name: str
    path: str
    action: str = Field(examples=["create", "change", "adopt", "restore", "delete", "unchanged", "leave"])
    note: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Applied(Shown):
    """What became of each document, or would; and of a plan why applying it would be refused."""

    items: list[FolderItem]
    refused: str | None


class DefinitionFile(Shown):
    """A definition as its file has it. `brought_along`: by a release or an op module, and changed by nobody since."""

    kind: str
    name: str
    path: str
    managed_by: str
    file: str | None
    brought_along: bool
    document: dict[str, Any]
